"""One result file of the lm-evaluation-harness, any version: its model, checkpoint, items and shots."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from emergelaw.errors import InputError
from emergelaw.importers import benchmarks, revisions
from emergelaw.importers.common import Log
from emergelaw.importers.counts import brief, whole
from emergelaw.importers.lm_eval_results import scores
from emergelaw.importers.sources import table

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d{1,6})?")
NOT_IN_FILE_NAMES = re.compile(r"[^\w.,+-]+")
ADAPTERS = ("peft", "delta")  # arguments that make another model out of the same pretrained one
NO_GUESSING = ("generate_until", "greedy_until", "loglikelihood", "loglikelihood_rolling")


def rows(doc: Mapping[str, Any], where: str, preferred: Sequence[str], log: Log) -> list[dict[str, Any]]:
    """Return one row per task of a result file."""
    config = table(doc.get("config"), "'config'", where)
    if config.get("limit") is not None:
        log.add("read results of runs with --limit: they cover only the first items of each task")
    model, revision, place = _checkpoint(doc, config, _arguments(config.get("model_args"), where), where)
    shared = {
        "model": model,
        "checkpoint_name": revision,
        **vars(place),
        "date": _date(doc, where),
        "where": where,
        "params_total": _count(config, "model_num_parameters", where),
        "versions": f"{doc.get('lm_eval_version') or '< 0.4.3'} (git {doc.get('git_hash') or 'unknown'})",
    }
    return [shared | vars(score) | _task(doc, config, score.task, where) for score in scores(doc, where, preferred)]


def _task(doc: Mapping[str, Any], config: Mapping[str, Any], task: str, where: str) -> dict[str, Any]:
    """Return what a result file says of one of its tasks besides the score."""
    task_config = table(_part(doc, "configs", where).get(task) or {}, f"the config of {task!r}", where)
    shots = (_part(doc, "n-shot", where), task), (task_config, "num_fewshot"), (config, "num_fewshot")
    return {
        "n_shots": _shots(shots, where),
        "size": _size(doc, task, where),
        "chance": _chance(task_config, task),
        "item_set": str(_part(doc, "task_hashes", where).get(task) or ""),
        "samples": _samples_name(where, task, config.get("model_args")),
    }


def _part(doc: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    """Return a part of the file that some versions lack."""
    return table(doc.get(key) or {}, repr(key), where)


def _arguments(value: Any, where: str) -> dict[str, str]:
    """Return model_args as a table, whether written as text or as one."""
    if isinstance(value, str):
        return {key.strip(): text.strip() for key, _, text in (part.partition("=") for part in value.split(","))}
    return {key: str(v) for key, v in table(value or {}, "'config.model_args'", where).items()}


def _checkpoint(
    doc: Mapping[str, Any], config: Mapping[str, Any], args: Mapping[str, str], where: str
) -> tuple[str, str, revisions.Place]:
    """Return the model, the revision and its place: from the revision, else from a name that ends in a checkpoint."""
    named = (doc.get("model_name"), args.get("pretrained"), args.get("model"), args.get("path"), config.get("model"))
    name = next((n.rstrip("/") for n in named if isinstance(n, str) and n.rstrip("/")), None)
    if name is None:
        raise InputError(f"expected the model's name as model_name or in config.model_args, none is in {where}: add it")
    revision = args.get("revision") or config.get("model_revision") or ""
    if not isinstance(revision, str):
        raise InputError(
            f"expected config.model_revision to be text, got {brief(revision)} in {where}: correct or remove the file"
        )
    place = revisions.place(name, revision)
    if not place.known:
        shorter, ending = revisions.split_name(name)
        if ending and (found := revisions.place(shorter, ending)).known:
            name, revision, place = shorter, ending, found
    adapters = [args[a] for a in ADAPTERS if args.get(a)]
    return "+".join([name, *adapters]), revision, place


def _date(doc: Mapping[str, Any], where: str) -> str:
    """Return when the run was made, as sortable text; '' if the file does not say."""
    stamp = STAMP.search(where.rpartition("/")[2])
    if stamp:
        return stamp[0]
    date = doc.get("date")
    if isinstance(date, int | float) and 0 < date < 1e11:
        return datetime.fromtimestamp(date, UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")
    return ""


def _shots(places: Iterable[tuple[Mapping[str, Any], str]], where: str) -> float:
    """Return the number of shots from the first place that has one; each version has its own."""
    return next((n for holder, key in places if not np.isnan(n := _count(holder, key, where))), np.nan)


def _size(doc: Mapping[str, Any], task: str, where: str) -> float:
    """Return the effective number of items, stated since 0.4.3."""
    stated = _part(doc, "n-samples", where).get(task) or {}
    return _count(table(stated, f"'n-samples' of task {task!r}", where), "effective", where)


def _count(holder: Mapping[str, Any], key: str, where: str) -> float:
    value = holder.get(key)
    return np.nan if value is None else float(whole(value, repr(key), where))


def _chance(task_config: Mapping[str, Any], task: str) -> float:
    """Return the accuracy of blind guessing; NaN where neither the configuration nor the name tells."""
    choices = task_config.get("doc_to_choice")
    if isinstance(choices, list) and choices:
        return 1 / len(choices)
    if task_config.get("output_type") in NO_GUESSING:
        return 0.0
    known = benchmarks.chance(task)
    return np.nan if known is None else known


def _samples_name(where: str, task: str, model_args: Any) -> str:
    """Return the path of the per-item file that this version of the harness writes beside the results."""
    folder, _, name = where.rpartition("/")
    stamp = STAMP.search(name)
    if stamp:
        return f"{folder}/samples_{task}_{stamp[0]}.jsonl"
    return f"{folder}/{NOT_IN_FILE_NAMES.sub('__', str(model_args))}_{task}.jsonl"
