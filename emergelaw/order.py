"""The implicit curriculum with its uncertainty: in which order tasks emerge, and how far models agree on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from emergelaw import emergence, pointwise, ranks

MAX_DRAWS = 500  # orders are counted over at most this many draws, evenly spaced
THRESHOLDS = (0.3, 0.5, 0.8)
ALL = "all components"
AGREEMENT = ("spearman", "spearman_both", "kendall", "kendall_both", "share_never")


@dataclass(frozen=True)
class Order:
    """What `emergelaw order` answers; tables as described by the functions that make them."""

    threshold: float
    points: xr.DataArray  # (sample, curve) in x units
    emergence: pd.DataFrame
    consensus: pd.DataFrame
    pairs: pd.DataFrame
    composites: pd.DataFrame
    compliance: pd.DataFrame
    sensitivity: pd.DataFrame
    notes: list[str]


def order(fit: Any, threshold: float = 0.8) -> Order:
    """Return every statistic of the order of emergence for accuracy ≥ threshold."""
    thresholds = sorted({threshold, *THRESHOLDS})
    by_threshold = dict(
        zip(
            thresholds,
            emergence.points_by(fit, [emergence.define("absolute", theta) for theta in thresholds]),
            strict=True,
        )
    )
    points = by_threshold[threshold]
    t = by_model(points)
    paper = pointwise.crossings(fit.data, pointwise.Rule(threshold), fit.axis.name).sel(model=t["model"].values)
    consensus, composites = consensus_table(t), composite_table(fit.data, t)
    return Order(
        threshold,
        points,
        _in_order(emergence.table(points), consensus),
        consensus,
        pair_table(fit.data, t).merge(_point_estimates(paper), on=["model_a", "model_b"], how="left"),
        composites,
        compliance_table(fit.data, paper, composites),
        sensitivity_table(fit.data, by_threshold),
        notes(fit.data),
    )


def by_model(points: xr.DataArray) -> xr.DataArray:
    """Return at most MAX_DRAWS draws of the points as (sample, model, task); NaN where a task was not measured."""
    thin = points[:: -(-points.sizes["sample"] // MAX_DRAWS)]
    models, tasks = (pd.Index(dict.fromkeys(points[c].values.tolist())) for c in ("model", "task"))
    t = np.full((thin.sizes["sample"], len(models), len(tasks)), np.nan)
    t[:, models.get_indexer(points["model"].values), tasks.get_indexer(points["task"].values)] = thin.values
    return xr.DataArray(t, dims=("sample", "model", "task"), coords={"model": list(models), "task": list(tasks)})


def consensus_table(t: xr.DataArray) -> pd.DataFrame:
    """Return the tasks, earliest first: shared rank, lateness −1 … 1 with 90 % interval, models, P(emerged)."""
    late = ranks.lateness(t.values)
    known = ~np.isnan(late[0])
    sequence, rank = ranks.consensus(late[:, known])
    low, high = np.quantile(late[:, known], [0.05, 0.95], axis=0)
    table = pd.DataFrame(
        {
            "task": t["task"].values[known],
            "lateness": late[:, known].mean(0),
            "low": low,
            "high": high,
            "n_models": t[0].notnull().sum("model").values[known],
            "p_emerged": (np.isfinite(t.values).sum((0, 1)) / t.notnull().values.sum((0, 1)))[known],
        }
    ).iloc[sequence]
    table.insert(0, "rank", rank)
    return table.reset_index(drop=True)


def pair_table(ds: xr.Dataset, t: xr.DataArray) -> pd.DataFrame:
    """Return, per pair of models, median and 90 % interval of each agreement; other_items: tasks whose items differ."""
    rows = []
    for a, b in combinations(t["model"].values.tolist(), 2):
        one, other = (t.sel(model=m).values for m in (a, b))
        common = ~(np.isnan(one[0]) | np.isnan(other[0]))
        row = {"model_a": a, "model_b": b, "n": int(common.sum()), "other_items": len(_other_items(ds, a, b))}
        if row["n"] >= ranks.MIN_COMMON:
            row |= _summary(ranks.agreement(one[:, common], other[:, common]))
        rows.append(row)
    names = [f"{name}{edge}" for name in AGREEMENT for edge in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=["model_a", "model_b", "n", "n_both", "other_items", *names])


def _summary(found: dict[str, np.ndarray]) -> dict[str, float]:
    """Return medians, 5 % and 95 % of the draws in which a statistic is defined."""
    out = {"n_both": float(np.median(found["n_both"]))}
    for name in AGREEMENT:
        defined = found[name][~np.isnan(found[name])]
        middle, low, high = np.quantile(defined, [0.5, 0.05, 0.95]) if len(defined) else (np.nan,) * 3
        out |= {name: middle, f"{name}_low": low, f"{name}_high": high}
    return out


def _point_estimates(t: xr.DataArray) -> pd.DataFrame:
    columns = ["model_a", "model_b", "n", "n_both", "spearman", "spearman_both", "kendall", "kendall_both"]
    table = pointwise.pairs(t).reindex(columns=columns)
    return table.rename(columns={c: f"paper_{c}" for c in columns[2:]})


def _other_items(ds: xr.Dataset, a: str, b: str) -> list[str]:
    """Return the tasks that two models were scored on with different items."""
    if "item_set" not in ds.coords:
        return []
    one, other = (ds["item_set"].sel(model=m).values.astype(str) for m in (a, b))
    return ds["task"].values[(one != "") & (other != "") & (one != other)].tolist()


def composite_table(ds: xr.Dataset, t: xr.DataArray) -> pd.DataFrame:
    """Return P(after), P(before), P(undecided) of each composite against each component, and against all of them."""
    rows = []
    for model, draws in zip(t["model"].values.tolist(), t.values.swapaxes(0, 1), strict=True):
        at = {task: draws[:, i] for i, task in enumerate(t["task"].values.tolist()) if not np.isnan(draws[0, i])}
        for task, parts in pointwise.components_of(ds).items():
            if not at.keys() >= {task, *parts}:
                continue
            components = np.stack([at[part] for part in parts], 1)
            rows += [(model, task, part, *ranks.after(at[task], at[part][:, None])) for part in parts]
            rows.append((model, task, ALL, *ranks.after(at[task], components)))
    return pd.DataFrame(rows, columns=["model", "task", "component", "p_after", "p_before", "p_undecided"])


def compliance_table(ds: xr.Dataset, paper: xr.DataArray, composites: pd.DataFrame) -> pd.DataFrame:
    """Return, per model, how many composites come after all components: the paper's count, and expected numbers."""
    counts = pointwise.compliance(ds, paper)
    whole = composites[composites["component"] == ALL].groupby("model")
    expected = whole[["p_after", "p_before", "p_undecided"]].sum().rename(columns=lambda c: c.removeprefix("p_"))
    count = pd.DataFrame(
        [(m, c.emerged, c.complied, c.never) for m, c in counts.items()],
        columns=["model", "paper_emerged", "paper_complied", "paper_never"],
    )
    return count.merge(expected, on="model", how="inner")


def sensitivity_table(ds: xr.Dataset, points: Mapping[float, xr.DataArray]) -> pd.DataFrame:
    """Return, per threshold, how much emerges, the mean agreement of pairs, and how many composites are in order."""
    return pd.DataFrame([{"threshold": theta, **_overall(ds, one)} for theta, one in points.items()])


def _overall(ds: xr.Dataset, points: xr.DataArray) -> dict[str, float]:
    t = by_model(points)
    pairs, composites = pair_table(ds, t), composite_table(ds, t)
    whole = composites[composites["component"] == ALL][["p_after", "p_before"]].sum()
    decided = whole.sum()
    return {
        "p_emerged": float(np.isfinite(points.values).mean()),
        **{name: float(pairs[name].astype(float).mean()) for name in AGREEMENT},
        "composites_after": whole["p_after"] / decided if decided > 0 else np.nan,
    }


def notes(ds: xr.Dataset) -> list[str]:
    """Return what limits these comparisons, one sentence each."""
    out = []
    models = ds["model"].values.tolist()
    differing = sorted({task for a, b in combinations(models, 2) for task in _other_items(ds, a, b)})
    if differing:
        out.append(
            f"{_count(differing, 'task')} {'was' if len(differing) == 1 else 'were'} scored on different items "
            f"in different models and compared all the same: {', '.join(differing)}"
        )
    lacking = _unscored(ds)
    if lacking:
        out.append(
            f"{_count(lacking, 'composite')} not scored in every model, because components were not measured "
            f"there: {', '.join(lacking)}"
        )
    return out


def _unscored(ds: xr.Dataset) -> list[str]:
    """Return the composites that were measured in a model in which some component was not."""
    known = (ds["n_trials"] > 0).any("checkpoint").transpose("model", "task").values
    by_model = [set(ds["task"].values[row].tolist()) for row in known]
    return sorted(
        task
        for task, parts in pointwise.components_of(ds).items()
        if any(task in here and not here.issuperset(parts) for here in by_model)
    )


def _count(names: list[str], noun: str) -> str:
    return f"{len(names)} {noun}{'' if len(names) == 1 else 's'}"


def _in_order(table: pd.DataFrame, consensus: pd.DataFrame) -> pd.DataFrame:
    """Sort the emergence table by the consensus order of tasks, then by model."""
    place = {task: i for i, task in enumerate(consensus["task"])}
    key = table["task"].map(place).fillna(len(place))
    return table.assign(_place=key).sort_values(["_place", "model"]).drop(columns="_place").reset_index(drop=True)
