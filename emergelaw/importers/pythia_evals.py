"""Import EleutherAI's published Pythia evaluations: a clone or an archive of EleutherAI/pythia, folder evals/.

Every measured trap of these files is handled here; the log tells which were met.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emergelaw.errors import InputError, did_you_mean
from emergelaw.importers import benchmarks, pythia_suite
from emergelaw.importers.common import Imported, Importer, Log
from emergelaw.importers.counts import brief, label_shots, whole, with_counts
from emergelaw.importers.duplicates import latest
from emergelaw.importers.lm_eval_results import scores, without_accuracy
from emergelaw.importers.same_weights import drop_step_one, mark_same_weights
from emergelaw.importers.sources import documents, json_value, table

SUITES = {
    "v1": "the 16 models of 2023",
    "v0": "the 16 models of 2022",
    "variants": "v1 runs with other batch sizes, and the baseline and intervention runs",
}
SHOTS = {"zero-shot": 0, "five-shot": 5}
FILE = re.compile(
    r"(?:^|/)"
    r"(?P<path>pythia-(?P<suite>v[01])/(?P<model>[^/]+)/(?:(?P<folder>.+)/)?(?P<stem>[^/]+)\.json)$"
)
DATE = re.compile(r"(\d\d-\d\d)-(\d{4})-(\d\d-\d\d-\d\d)$")
STEP = re.compile(r"step(\d+)(?!\d)")


@dataclass(frozen=True)
class Placed:
    """A result file and what its path says: the model as published, its suite, and the shots of its folder."""

    where: str
    stem: str
    member: pythia_suite.Member
    model: str
    suite: str
    n_shots: float  # NaN where the folder does not say


def miss(sources: list[Path]) -> str | None:
    """Say what these sources lack to be Pythia evaluations."""
    if any(True for _ in _files(sources)):
        return None
    return "there is no folder evals/pythia-v1 or evals/pythia-v0 with JSON files"


def read(sources: list[Path], suite: str = "v1") -> Imported:
    """Read one suite: v1 (default), v0 or variants."""
    if suite not in SUITES:
        raise InputError(
            f"expected --suite to be one of {', '.join(SUITES)}, got {suite!r}"
            f"{did_you_mean(suite, SUITES)}: choose one of them"
        )
    log = Log()
    rows = [
        row
        for found, content in _files(sources)
        if (placed := _chosen(found, suite, log))
        for row in _rows(placed, json_value(content, placed.where), log)
    ]
    if not rows:
        raise InputError(
            f"expected result files of the Pythia suite {suite!r} ({SUITES[suite]}), got none in "
            f"{', '.join(map(str, sources))}: choose another --suite or another source"
        )
    cells = without_accuracy(pd.DataFrame(rows), log)
    sizes = {task: n for task in cells["task"].unique() if (n := benchmarks.size(task))}
    cells = latest(with_counts(cells, sizes, log), log)
    cells = drop_step_one(cells, log)
    same = mark_same_weights(cells, log)
    models = _models(cells, same)
    cells, tasks = _labelled(cells)
    return Imported(cells, models, tasks, _provenance(sources, suite, same), log)


def _files(sources: list[Path]) -> Iterator[tuple[re.Match[str], bytes]]:
    """Yield the parts of the path and the content of each result file."""
    for name, content in documents(sources, lambda name: FILE.search(name) is not None):
        if found := FILE.search(name):
            yield found, content


def _chosen(found: re.Match[str], suite: str, log: Log) -> Placed | None:
    """Return what the path says if the file belongs to the suite; else log why it does not."""
    placed, reason = _place(found)
    if placed is not None and placed.suite == suite:
        return placed
    if placed is not None:
        reason = f"they belong to suite {placed.suite!r}, not merged with {suite!r}"
    folder = "/".join(found["path"].split("/")[: 3 if found["folder"] else 2])
    log.add(f"left out files of {folder}: {reason}")
    return None


def _place(found: re.Match[str]) -> tuple[Placed | None, str]:
    """Return the file's place, or None and the reason."""
    member = pythia_suite.member(found["model"])
    folder = found["folder"] or ""
    if found["model"] == "winobias":
        return None, "refused, since winobias results are a list of prompts and not one accuracy per task"
    if member is None:
        return None, "no model of the Pythia suite by that name"
    model, suite = member.name, found["suite"]
    if folder in ("baseline", "intervention"):
        long = "-long" if "-long" in found["stem"] else ""
        model, suite = f"{model}-{folder}{long}", "variants"
    elif member.batch:
        suite = "variants"
    elif folder not in SHOTS:
        return None, "neither zero-shot nor five-shot runs of the benchmarks"
    return Placed(found["path"], found["stem"], member, model, suite, SHOTS.get(folder, np.nan)), ""


def _rows(placed: Placed, doc: Any, log: Log) -> list[dict[str, Any]]:
    """Return one row per task of a result file."""
    doc = table(doc, "the file", placed.where)
    config = table(doc.get("config"), "'config'", placed.where)
    step, tokens = _progress(placed, config, log)
    n_shots = whole(config.get("num_fewshot"), "config.num_fewshot", placed.where)
    conflict = _shots_conflict(placed, n_shots, log)
    if "bf16" in placed.where:
        log.add("read pythia-1b-bf16 as pythia-1b: it is the model published under that name", 1)
    stamp = DATE.search(placed.stem)
    date = f"{stamp[2]}-{stamp[1]}-{stamp[3]}" if stamp else ""
    # a repeat from a mis-labelled folder only counts where there is no original
    date = f"{0 if conflict else 1} {date}"
    shared = {
        "model": placed.model,
        "member": placed.member,
        "step": float(step),
        "tokens": float(tokens),
        "checkpoint_name": f"step{step}",
        "n_shots": float(n_shots),
        "date": date,
        "where": placed.where,
        "size": np.nan,
    }
    return [shared | vars(score) for score in scores(doc, placed.where)]


def _shots_conflict(placed: Placed, n_shots: int, log: Log) -> bool:
    """Tell whether the folder names other shots than the configuration, which is right; log conflicts of names too."""
    named = re.search(r"(\d)-?shot", placed.stem)
    if named and int(named[1]) != n_shots and placed.n_shots == n_shots:
        log.add(f"read files named {named[0]} as {n_shots}-shot, as their configuration and folder say")
    if np.isnan(placed.n_shots) or placed.n_shots == n_shots:
        return False
    folder = placed.where.rpartition("/")[0]
    log.add(f"read files in {folder} as {n_shots}-shot, as their configuration says: the folder is mis-labelled")
    return True


def _progress(placed: Placed, config: dict[str, Any], log: Log) -> tuple[int, int]:
    """Return (step, tokens) of the checkpoint from the configuration, checked against the file name."""
    args = config.get("model_args")
    if isinstance(args, dict):  # v0 wrote the whole NeoX configuration
        step = whole(args.get("iteration"), "config.model_args.iteration", placed.where)
        steps = whole(args.get("train_iters"), "config.model_args.train_iters", placed.where)
        per_step = pythia_suite.ALL_TOKENS // max(steps, 1)
    elif isinstance(args, str) and (found := re.search(r"revision=step(\d{1,9})(?:,|$)", args)):
        step, per_step = int(found[1]), placed.member.tokens_per_step
    else:
        raise InputError(
            f"expected config.model_args to name revision=stepN or an iteration, got {brief(args)} "
            f"in {placed.where}: correct or remove the file"
        )
    if per_step != 2**21:
        log.add(f"counted {per_step:,} tokens per step for {placed.model}: it was trained with another batch size")
    named = STEP.search(placed.stem)
    if named and int(named[1]) != step:
        log.add(f"read {placed.where} as step {step}, as its configuration says, not as its name")
    return step, step * per_step


def _models(cells: pd.DataFrame, same: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the table of models."""
    models = cells.drop_duplicates("model").set_index("model")
    members, family = models["member"], models["where"].str.slice(0, len("pythia-v1"))
    per_step = (cells["tokens"] / cells["step"]).groupby(cells["model"]).max()
    twins = {entry["model"]: entry["same_weights_as"] for entry in same}
    return pd.DataFrame(
        {
            "family": family.astype(object),
            "corpus": members.map(lambda m: m.corpus).astype(object),
            "params": members.map(lambda m: m.params[0]).astype(float),
            "params_total": members.map(lambda m: m.params[1]).astype(float),
            "design_tokens_per_step": per_step.astype(float),
            "design_same_weights_as": pd.Series({m: twins.get(m, "") for m in members.index}, dtype=object),
        }
    )


def _labelled(cells: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return cells with labels that tell shots apart, and the table of tasks."""
    plain = cells["task"]
    cells = cells.assign(task=label_shots(cells))
    tasks = cells.assign(plain=plain).drop_duplicates("task").set_index("task")
    return cells, pd.DataFrame(
        {
            "chance": tasks["plain"].map(lambda t: benchmarks.chance(t) or 0.0).astype(float),
            "category": tasks["plain"].map(benchmarks.category).astype(object),
            "kind": pd.Series("benchmark", index=tasks.index, dtype=object),
            "n_shots": tasks["n_shots"],
        }
    )


def _provenance(sources: list[Path], suite: str, same: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "kind": "published",
        "title": f"Pythia evaluations ({suite}), EleutherAI/pythia",
        "licence": "Apache-2.0",
        "sources": [s.resolve().name for s in sources],
        "importer": "pythia-evals",
        "suite": suite,
        "versions": {"lm_eval": "≤ 0.3"},
        "same_weights": same,
    }


IMPORTER = Importer("pythia-evals", "a clone or an archive of EleutherAI/pythia (folder evals)", miss, read)
