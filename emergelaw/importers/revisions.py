"""Where a checkpoint lies on the training axis, from its revision or folder name."""

import re
from dataclasses import dataclass

import numpy as np

from emergelaw.importers import pythia_suite

STEP = re.compile(r"(?:^|[-_/])(?:(?:global_?step|step|checkpoint|iter|ckpt)[-_]?(\d+)|base_(\d{5,}))", re.IGNORECASE)
TOKENS = re.compile(r"(?:^|[-_/])tokens?[-_]?(\d+(?:\.\d+)?)([MBT])(?:$|[-_/])", re.IGNORECASE)
LATER_STAGE = re.compile(r"(?:stage|phase)[-_]?(?:[2-9]|\d{2,})|ingredient", re.IGNORECASE)
UNITS = {"M": 1e6, "B": 1e9, "T": 1e12}
TOKENS_PER_STEP = {"OLMo-2-0425-1B": 2**21, "OLMo-2-1124-7B": 2**22}
AMBER_TOKENS = 3.5e9  # between two Amber checkpoints, which are numbered from 000 and carry no step


@dataclass(frozen=True)
class Place:
    """Step and tokens of a checkpoint; NaN where unknown."""

    step: float = np.nan
    tokens: float = np.nan
    rounded: bool = False  # tokens come from a name that rounds them

    @property
    def known(self) -> bool:
        return bool(np.isfinite(self.step) or np.isfinite(self.tokens))


def place(model: str, revision: str) -> Place:
    """Return where this revision of the model lies; later stages count anew, so their place is not known."""
    if LATER_STAGE.search(revision):
        return Place()
    step = _number(STEP.search(revision))
    if model.rpartition("/")[2] == "Amber":
        return Place(tokens=AMBER_TOKENS * (step + 1))
    per_step = tokens_per_step(model)
    if per_step is not None and np.isfinite(step):
        return Place(step, step * per_step)
    label = TOKENS.search(revision)
    tokens = float(label[1]) * UNITS[label[2].upper()] if label else np.nan
    return Place(step, tokens, rounded=label is not None)


def tokens_per_step(model: str) -> int | None:
    """Return the tokens per optimiser step of a known model."""
    known = pythia_suite.member(model)
    return known.tokens_per_step if known else TOKENS_PER_STEP.get(model.rpartition("/")[2])


def _number(found: re.Match[str] | None) -> float:
    return float(found[1] or found[2]) if found else np.nan


def split_name(name: str) -> tuple[str, str]:
    """Return (model, revision) of a name or path that ends in its checkpoint, such as runs/mine/step1000."""
    found = STEP.search(name)
    return (name[: found.start()], name[found.start() :].lstrip("-_/")) if found and found.start() else (name, "")
