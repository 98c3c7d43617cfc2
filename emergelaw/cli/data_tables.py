"""How `emergelaw data describe` prints a data set on the terminal."""

from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from emergelaw import terminal
from emergelaw.axes import quantity
from emergelaw.describe import SHAPES


def show(content: dict[str, Any]) -> None:
    """Print a description, provenance first."""
    console = terminal.console()
    _provenance(console, content["provenance"])
    console.print(_models(content["models"]))
    console.print(_tasks(content["tasks"]))
    for line in _remarks(content):
        console.print(line, markup=False, soft_wrap=True)


def _provenance(console: Console, about: dict[str, Any]) -> None:
    console.print(f"[bold]{about['kind'].upper()}[/bold]", end=" ")
    console.print(about.get("title", "untitled"), markup=False)
    for key, value in about.items():
        if key not in ("kind", "title", "contract", "import_log"):
            console.print(f"  {key}: {value}", markup=False, soft_wrap=True)
    for line in about.get("import_log", ()):
        console.print(f"  · {line}", markup=False, soft_wrap=True)


def _models(models: list[dict[str, Any]]) -> Table:
    table = Table(Column("model", no_wrap=True), "family", title="models", title_justify="left", box=SIMPLE)
    for name in ("params", "checkpoints", "tokens", "tasks", "holes"):
        table.add_column(name, justify="right")
    for m in sorted(models, key=lambda m: (m["family"], m["params"] or 0)):
        reach = f"{_short(m['tokens_first'])} – {_short(m['tokens_last'])}"
        unplaced = f"to step {_short(m['step_last'])}"
        table.add_row(
            m["model"],
            m["family"],
            _short(m["params"]),
            str(m["checkpoints"]),
            reach if m["tokens_last"] is not None else unplaced,
            str(m["tasks"]),
            str(m["holes"]),
        )
    return table


def _tasks(tasks: list[dict[str, Any]]) -> Table:
    shapes = [s for s in SHAPES if any(t[s] for t in tasks)]
    table = Table(Column("task", no_wrap=True), title="tasks", title_justify="left", box=SIMPLE)
    for name in ("n", "chance", "models", "φ", *shapes):
        table.add_column(name, justify="right")
    for t in tasks:
        n = str(t["n_max"]) if t["n_min"] == t["n_max"] else f"{t['n_min']}–{t['n_max']}"
        phi = "–" if t["dispersion"] is None else f"{t['dispersion']:.2g}"
        table.add_row(t["task"], n, f"{t['chance']:.3g}", str(t["models"]), phi, *(str(t[s] or "·") for s in shapes))
    return table


def _remarks(content: dict[str, Any]) -> list[str]:
    curves = content["curves"]
    shapes = ", ".join(f"{curves[s]:,} {s}" for s in SHAPES if curves[s])
    lines = [f"{content['cells']:,} cells in {curves['measured']:,} curves: {shapes}"]
    lines += _dispersion(content["dispersion"])
    if content["vectors"]:
        places = (f"{model} at {n} checkpoints" for model, n in content["vectors"].items())
        lines.append(f"function vectors: {', '.join(places)}")
    if content["items"]:
        lines.append(f"outcomes of single items: {content['items']:,}")
    if content["holes"]["count"]:
        first = "; ".join(f"{h['task']} of {h['model']} at {_where(h)}" for h in content["holes"]["first"])
        lines.append(f"{content['holes']['count']:,} holes (cells one would expect), first: {first}")
    if content["item_sets_differ"]:
        lines.append(f"item sets differ between models for {', '.join(content['item_sets_differ'])}")
    if content["repeats"]:
        lines.append("equal counts in every task, so probably the same weights:")
    lines += ["  " + " = ".join(f"{p['model']} {_where(p)}" for p in group) for group in content["repeats"]]
    return lines


def _dispersion(found: dict[str, Any]) -> list[str]:
    if not found["tasks"]["known"]:
        return ["φ (variance between checkpoints ÷ binomial) is unknown: too few checkpoints"]
    low, high = (", ".join(f"{t['task']} {t['dispersion']:.2g}" for t in found[end]) for end in ("lowest", "highest"))
    spread = [
        f"median {q['median']:.2g} [{q['q10']:.2g}, {q['q90']:.2g}] over {q['known']} {what}"
        for what in ("tasks", "curves")
        for q in [found[what]]
    ]
    return [f"φ (variance between checkpoints ÷ binomial): {'; '.join(spread)}", f"  lowest {low}; highest {high}"]


def _where(place: dict[str, Any]) -> str:
    return f"step {place['step']}" if place["step"] is not None else f"{_short(place['tokens'])} tokens"


def _short(value: float | None) -> str:
    return "–" if value is None else quantity(value)
