"""How `emergelaw order` prints its answer on the terminal."""

from typing import Any

import numpy as np
import pandas as pd
from rich.box import SIMPLE
from rich.table import Column, Table

from emergelaw import dataset, terminal
from emergelaw.order import ALL, Order

MODEL_COLUMNS = 4  # with more models than this, a task shows its span over models
PAIR_ROWS = 21


def show(fit: Any, found: Order) -> None:
    """Print provenance and status, then every table."""
    console = terminal.console()
    about = dataset.provenance(fit.data)
    console.print(f"{about['kind'].upper()} data: {about.get('title', 'untitled')}", markup=False)
    console.print(fit.result["status_sentence"], markup=False)
    for table in (consensus(found, fit.axis), pairs(found), composites(found), compliance(found), sensitivity(found)):
        if table.row_count:
            console.print(table)
    for line in [*remarks(found), *found.notes]:
        console.print(f"· {line}", markup=False)


def _table(title: str, first: str, *others: str) -> Table:
    heads = [Column(first, overflow="fold"), *(Column(name, justify="right") for name in others)]
    return Table(*heads, title=title, title_justify="left", box=SIMPLE)


def consensus(found: Order, axis: Any) -> Table:
    """One row per task, earliest first: shared rank, how late, and the emergence points."""
    models = sorted(set(found.points["model"].values.tolist()))
    by_model = len(models) <= MODEL_COLUMNS
    title = f"order of emergence: {axis.label} at accuracy ≥ {found.threshold:g}, median (90 % interval)"
    table = _table(title, "task", "rank", "lateness −1…1", "P(emerged)", *(models if by_model else ["over models"]))
    cells = _cells(found, axis)
    for row in found.consensus.itertuples():
        here = cells[cells["task"] == row.task].set_index("model")
        places = [here["interval"].get(m, "·") for m in models] if by_model else [_span(here)]
        table.add_row(
            row.task,
            str(row.rank),
            f"{row.lateness:+.2f} ({row.low:+.2f} – {row.high:+.2f})",
            f"{row.p_emerged:.2f}",
            *places,
        )
    return table


def _cells(found: Order, axis: Any) -> pd.DataFrame:
    """Return the emergence table with its points written out, censored ones as such."""
    edges = pd.DataFrame({c: found.points[c].values for c in ("model", "task", "first", "last")})
    table = found.emergence.merge(edges, on=["model", "task"])
    for name in ("median", "5 %", "95 %"):
        x = np.where(np.isinf(table[name]), np.inf, axis.to_x(table[name]))
        table[f"{name} text"] = [axis.point(*of) for of in zip(x, table["first"], table["last"], strict=True)]
    same = table["5 % text"] == table["95 % text"]
    spread = table["median text"] + " (" + table["5 % text"] + " – " + table["95 % text"] + ")"
    return table.assign(interval=np.where(same, table["median text"], spread))


def _span(here: pd.DataFrame) -> str:
    """Return the earliest and the latest median over models."""
    ends = here.sort_values("median")["median text"].iloc[[0, -1]].tolist()
    return ends[0] if ends[0] == ends[1] else " – ".join(ends)


def pairs(found: Order) -> Table:
    """One row per pair of models, those that agree least first where there are many."""
    every = found.pairs.sort_values("spearman")
    shown = every if len(every) > PAIR_ROWS else found.pairs
    title = "agreement of models: all tasks | only tasks emerged in both"
    if len(every) > PAIR_ROWS:
        title += f" (the {PAIR_ROWS} of {len(every)} pairs that agree least; all with --json)"
    table = _table(title, "models", "tasks", "Spearman", "paper's", "Kendall", "paper's", 'only "never"')
    for row in shown.head(PAIR_ROWS).to_dict("records"):
        table.add_row(
            f"{row['model_a']} ~ {row['model_b']}",
            f"{row['n']} | {_number(row['n_both'], 0)}",
            *(cell for name in ("spearman", "kendall") for cell in _agreement(row, name)),
            _number(row["share_never"]),
        )
    return table


def _agreement(row: dict[str, Any], name: str) -> tuple[str, str]:
    """Return posterior median and interval, and the paper's point estimate, both for all and for both-emerged tasks."""

    def posterior(key: str) -> str:
        low, high = (_number(row[f"{key}_{end}"]) for end in ("low", "high"))
        return f"{_number(row[key])} ({low} – {high})"

    return (
        f"{posterior(name)} | {posterior(f'{name}_both')}",
        f"{_number(row[f'paper_{name}'])} | {_number(row[f'paper_{name}_both'])}",
    )


def composites(found: Order) -> Table:
    """One row per composite: means over models, and P(after) of each component alone."""
    table = _table(
        "composites and their components (means over models)",
        "composite",
        "models",
        "P(after all)",
        "P(before some)",
        "undecided, never",
        "P(after) of each",
    )
    for task, rows in found.composites.groupby("task", sort=False):
        mean = rows.groupby("component", sort=False)[["p_after", "p_before", "p_undecided"]].mean()
        each = ", ".join(f"{name} {p:.2f}" for name, p in mean["p_after"].drop(ALL).items())
        table.add_row(str(task), str(rows["model"].nunique()), *(f"{v:.2f}" for v in mean.loc[ALL]), each)
    return table


def compliance(found: Order) -> Table:
    """One row per model: the paper's count beside the expected numbers."""
    table = _table(
        "composites after all their components, by model",
        "model",
        "paper's count",
        "never (paper)",
        "expected after",
        "expected before",
        "expected undecided",
    )
    for row in found.compliance.itertuples():
        table.add_row(
            str(row.model),
            f"{row.paper_complied} of {row.paper_emerged}",
            str(row.paper_never),
            *(f"{v:.1f}" for v in (row.after, row.before, row.undecided)),
        )
    return table


def sensitivity(found: Order) -> Table:
    """One row per threshold."""
    table = _table(
        "what the threshold changes (means over pairs of models: all | emerged in both)",
        "θ",
        "P(emerged)",
        "Spearman",
        "Kendall",
        'only "never"',
        "composites after",
    )
    for row in found.sensitivity.to_dict("records"):
        both = [f"{_number(row[name])} | {_number(row[f'{name}_both'])}" for name in ("spearman", "kendall")]
        table.add_row(
            f"{row['threshold']:g}",
            _number(row["p_emerged"]),
            *both,
            _number(row["share_never"]),
            _number(row["composites_after"]),
        )
    return table


def remarks(found: Order) -> list[str]:
    """Say how to read the tables."""
    if found.pairs.empty or not np.isfinite(found.pairs["share_never"].astype(float)).any():
        return []
    share = found.pairs["share_never"].astype(float).mean()
    return [
        f'of the task pairs that two models order alike, {share:.0%} are only agreement on "never": in them some '
        "task has not emerged by the last checkpoint of one model"
    ]


def _number(value: float, digits: int = 2) -> str:
    return "–" if value is None or np.isnan(value) else f"{value:.{digits}f}"
