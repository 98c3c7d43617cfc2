"""Miniature result files in the formats that importers read, written from counts."""

import json
import math
from pathlib import Path

STAMP = "2025-08-12T17-53-38.528277"


def entry(k, n, metric="acc", how=""):
    """The two keys of one metric, as the harness writes them: its mean and the standard error of a mean of n items."""
    p = k / n
    return {f"{metric}{how}": p, f"{metric}_stderr{how}": math.sqrt(p * (1 - p) / (n - 1))}


def write(path: Path, doc) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(doc if isinstance(doc, str) else json.dumps(doc, indent=1))
    return path


def old(counts, model_args, shots=0):
    """A file of version 0.3 or older."""
    return {
        "results": {task: entry(*kn) for task, kn in counts.items()},
        "versions": dict.fromkeys(counts, 0),
        "config": {"model": "hf-causal", "model_args": model_args, "num_fewshot": shots, "limit": None},
    }


def v1(root, name, step, counts, folder="zero-shot", shots=0, stem=None):
    """A Pythia v1 file in its place; name is the model folder without 'pythia-'."""
    doc = old(counts, f"pretrained=EleutherAI/pythia-v1.1-{name},revision=step{step}", shots)
    five = "-5shot" if folder == "five-shot" else ""
    return write(root / "evals/pythia-v1" / f"pythia-{name}" / folder / f"{stem or name + five}_step{step}.json", doc)


def v0(root, name, step, counts, folder="zero-shot", shots=0, date="12-30-2022-23-06-34", iterations=143000):
    """A Pythia v0 file in its place."""
    doc = old(counts, {"iteration": step, "train_iters": iterations, "load": "ckpts/19M"}, shots)
    stem = f"pythia-{name}-{shots}shot-global_step{step}_eval_results_{date}"
    return write(root / "evals/pythia-v0" / f"pythia-{name}" / folder / f"{stem}.json", doc)


def new(counts, model="EleutherAI/pythia-70m", revision="step3000", metrics=("acc",), how=",none", **more):
    """A file of version 0.4.3 or newer; counts per task are the same for all metrics."""
    results = {
        t: {"alias": f" - {t}"} | {k: v for m in metrics for k, v in entry(*kn, m, how).items()}
        for t, kn in counts.items()
    }
    args = f"pretrained={model},revision={revision}" if revision else f"pretrained={model}"
    doc = {
        "results": results,
        "group_subtasks": {t: [] for t in counts},
        "configs": {t: {} for t in counts},
        "n-shot": dict.fromkeys(counts, 0),
        "n-samples": {t: {"original": 9999, "effective": kn[1]} for t, kn in counts.items()},
        "config": {"model": "hf", "model_args": args, "limit": None},
        "git_hash": "d647f50",
        "lm_eval_version": "0.4.9.1",
        "model_name": model,
        "task_hashes": {},
    }
    return doc | more


def new_file(root, counts, stamp=STAMP, **more):
    return write(root / "EleutherAI__pythia-70m" / f"results_{stamp}.json", new(counts, **more))


def items(k, n, choices=4, how="none", metric="acc"):
    """The per-item records of a multiple-choice task with k of n right."""
    return [
        {
            "doc_id": i,
            "target": "0",
            "filtered_resps": [["-0.5", "False"]] * choices,
            "filter": how,
            metric: float(i < k),
        }
        for i in range(n)
    ]


def lines(records) -> str:
    return "\n".join(map(json.dumps, records)) + "\n"
