"""Add to ElementalTask rows what the names of their model, checkpoint and task mean."""

import pandas as pd

from emergelaw.importers import elementaltask_names as names
from emergelaw.importers import known_models, revisions
from emergelaw.importers.common import Log


def described(frame: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Add step and tokens, family and size of the model, category, kind and components of the task."""
    places = {key: revisions.place(*key) for key in set(zip(frame["model"], frame["checkpoint_name"], strict=True))}
    revisions.log_notes(((model, place.note) for (model, _), place in places.items()), log)
    at = [places[key] for key in zip(frame["model"], frame["checkpoint_name"], strict=True)]
    known = {name: known_models.model(name) for name in frame["model"].unique()}
    chains = {task: names.components(task) for task in frame["task"].unique()}
    for model in sorted(name for name, m in known.items() if m.params != m.params):
        log.add(f"unknown: the number of parameters of {model}")
    of_model = {
        c: frame["model"].map({n: getattr(m, c) for n, m in known.items()})
        for c in ("family", "params", "params_total")
    }
    return frame.assign(
        **of_model,
        step=[p.step for p in at],
        tokens=[p.tokens for p in at],
        category=frame["task"].map(names.category),
        n_shots=frame["task"].map(names.shots),
        chance=0.0,
        kind=frame["task"].map({t: "composite" if c else "elemental" for t, c in chains.items()}),
        components=frame["task"].map({t: ";".join(c) for t, c in chains.items()}),
    )
