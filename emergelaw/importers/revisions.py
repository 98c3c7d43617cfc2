"""Where a checkpoint lies on the training axis, from its revision or folder name."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from emergelaw.importers import known_models
from emergelaw.importers.common import Log

STEP = re.compile(r"(?:^|[-_/])(?:(?:global_?step|step|checkpoint|iter|ckpt)[-_]?(\d+)|base_(\d{5,}))", re.IGNORECASE)
TOKENS = re.compile(r"(?:^|[-_/])tokens?[-_]?(\d+(?:\.\d+)?)([MBT])(?:$|[-_/])", re.IGNORECASE)
LATER_STAGE = re.compile(r"(?:stage|phase)[-_]?(?:[2-9]|\d{2,})|ingredient", re.IGNORECASE)
UNITS = {"M": 1e6, "B": 1e9, "T": 1e12}
LABELLED = "tokens from the names of revisions, which round them"

# Models whose checkpoints follow a rule of their own.
AMBER_BILLIONS = 3.4977  # per checkpoint; rounded to whole billions this gives every entry of the published table
CRYSTAL = re.compile(r"CrystalCoder_phase([123])_checkpoint_(\d+)")
CRYSTAL_PHASES = {1: (0.0, 4.33e6), 2: (345e9, 4.32e6), 3: (1272e9, 3.97e6)}  # tokens before the phase, and per step
K2_TOKENS_PER_STEP = 9.8e6


@dataclass(frozen=True)
class Place:
    """Step and tokens of a checkpoint; NaN where unknown. `note` says how they were obtained if not exactly."""

    step: float = np.nan
    tokens: float = np.nan
    note: str = ""

    @property
    def known(self) -> bool:
        return bool(np.isfinite(self.step) or np.isfinite(self.tokens))


def place(model: str, revision: str) -> Place:
    """Return where this revision of the model lies; nowhere for `main`, and for later stages, which count anew."""
    rule = OWN_RULES.get(model.rpartition("/")[2])
    if rule:
        return rule(revision)
    if LATER_STAGE.search(revision):
        return Place()
    step, label = _step(revision), TOKENS.search(revision)
    per_step = known_models.model(model).tokens_per_step
    if np.isfinite(per_step):
        return Place(step, step * per_step)
    if label:
        return Place(step, float(label[1]) * UNITS[label[2].upper()], LABELLED)
    return Place(step, note="steps only, since the tokens per step are not known" if np.isfinite(step) else "")


def _step(revision: str) -> float:
    found = STEP.search(revision)
    return float(found[1] or found[2]) if found else np.nan


def _amber(revision: str) -> Place:
    """Amber numbers its checkpoints from 0 and tells no step."""
    index = _step(revision)
    if np.isnan(index):
        return Place()
    return Place(tokens=round(AMBER_BILLIONS * (index + 1)) * 1e9, note="tokens to the nearest billion")


def _crystal(revision: str) -> Place:
    """Crystal counts steps anew in each of its three phases."""
    found = CRYSTAL.fullmatch(revision)
    if not found:
        return Place()
    before, per_step = CRYSTAL_PHASES[int(found[1])]
    return Place(tokens=before + int(found[2]) * per_step, note="tokens from about 4.3 M per step and phase")


def _k2(revision: str) -> Place:
    step = _step(revision)
    return Place(step, step * K2_TOKENS_PER_STEP, "tokens from about 9.8 M per step" if np.isfinite(step) else "")


OWN_RULES = {"Amber": _amber, "CrystalCoder": _crystal, "K2-V2": _k2}


def log_notes(notes: Iterable[tuple[str, str]], log: Log) -> None:
    """Say of each model how its places were obtained if not exactly."""
    for model, note in sorted({(model, note) for model, note in notes if note}):
        log.add(f"placed: checkpoints of {model} by {note}")


def split_name(name: str) -> tuple[str, str]:
    """Return (model, revision) of a name or path that ends in its checkpoint, such as runs/mine/step1000."""
    found = STEP.search(name)
    return (name[: found.start()], name[found.start() :].lstrip("-_/")) if found and found.start() else (name, "")
