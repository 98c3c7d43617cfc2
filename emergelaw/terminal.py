"""What `emergelaw fit` prints of a finished fit: rich renderables, sensible at 80 columns and in pipes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress
from rich.table import Table
from rich.text import Text

from emergelaw import dataset
from emergelaw.summary import TaskRow, interval, origin, spread, task_rows, when

if TYPE_CHECKING:
    from emergelaw.fits import Fit

FILES = {
    "report.html": "curves, emergence chart, diagnostics, priors",
    "emergence.csv": "emergence points of every curve",
    "posterior.nc": "all draws",
    "fit.json": "status and diagnostics",
    "figures": "SVG, and PNG of the large ones",
}
_PIPE_WIDTH = 160  # in a pipe nothing wraps by itself, and whole rows can be searched


def console(stderr: bool = False) -> Console:
    """Return a console as wide as the terminal; in a pipe wide enough for whole rows, unless COLUMNS says otherwise."""
    found = Console(stderr=stderr, highlight=False)
    if not (found.is_terminal or "COLUMNS" in os.environ):
        found.width = _PIPE_WIDTH
    return found


def summary(fit: Fit, out_dir: str | Path) -> RenderableType:
    """Return everything: provenance, what was left out, tasks, explanations, status, files."""
    parts = [
        provenance_line(fit),
        left_out(fit),
        task_table(fit, task_rows(fit)),
        explanations(fit),
        status_line(fit),
        files(out_dir),
    ]
    return Group(*(part for part in parts if part is not None))


def provenance_line(fit: Fit) -> Text:
    """Return where the data come from, their size, and the model."""
    told, result, sizes = dataset.provenance(fit.data), fit.result, fit.data.sizes
    about = "".join(f"{mark}{told[key]}" for mark, key in ((": ", "title"), (", licence ", "licence")) if told.get(key))
    size = (
        f"{sizes['model']} models, {sizes['task']} tasks, {result['n_curves']:,} curves, "
        f"{result['n_cells']:,} cells, model {result['model']}, seed {result['seed']}"
    )
    return Text.assemble((origin(fit), "bold red" if told["kind"] == "simulated" else "bold"), about, "\n", size)


def left_out(fit: Fit) -> RenderableType | None:
    """Return what was not analysed and why, one line each; nothing if all of it was."""
    return _listed("Left out:", fit.result["left_out"])


def explanations(fit: Fit) -> RenderableType | None:
    """Return the explanations with their weights where the chains found more than one."""
    found = fit.result["explanations"]
    if len(found) < 2:
        return None
    return _listed("Several explanations fit:", [f"{100 * e['weight']:.0f} %: {e['sentence']}" for e in found])


def _listed(head: str, lines: Iterable[str]) -> RenderableType | None:
    items = [Padding(Text(f"- {line}"), (0, 0, 0, 2), expand=False) for line in lines]
    return Group(Text(head, style="bold"), *items) if items else None


def task_table(fit: Fit, rows: list[TaskRow]) -> Table:
    """Return one line per task, earliest emergence first; ranges run over models."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, caption_justify="left", caption=_caption(fit))
    table.add_column("task", overflow="fold")
    for name in ("half rise", "90 % interval", "ceiling", "P(emerged)", "φ"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        cells = (
            row.task,
            when(fit, row.emergence[1], row.span),
            interval(fit, row),
            spread(*row.ceiling),
            spread(*row.p_emerged),
            f"{row.dispersion:.2f}",
        )
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _caption(fit: Fit) -> Text:
    sign = "<" if fit.axis.sign < 0 else ">"
    return Text(
        f"Half rise in {fit.axis.label}, over models and draws; {sign} means after the last checkpoint. "
        "Ceiling, P(emerged): least to most over models. φ: dispersion, 1 is binomial.",
        style="dim",
    )


def status_line(fit: Fit) -> Text:
    """Return the status, its sentence with the next step, and the numbers it rests on."""
    result = fit.result
    good = result["converged"]
    status = f"{'✓' if good else '✗'} {result['status']}: ", "bold green" if good else "bold red"
    numbers = (
        f"r-hat ≤ {result['max_rhat']:.3f}, bulk ESS ≥ {result['min_ess_bulk']:,.0f}, "
        f"{result['divergences']:,} divergences, {result['gradients']:,} gradients, "
        f"{result['seconds']['total']:.0f} s; 90 % intervals cover {100 * result['coverage90_in_sample']:.1f} % "
        "of the fitted cells."
    )
    return Text.assemble(status, result["status_sentence"], "\n", (numbers, "dim"))


def files(out_dir: str | Path) -> RenderableType:
    """Return where the files are; only those that were written."""
    out_dir = Path(out_dir)
    table = Table.grid(padding=(0, 2))
    for name, what in FILES.items():
        if (out_dir / name).exists():
            table.add_row(Text(f"  {name}"), Text(what, style="dim"))
    return Group(Text(f"Files in {out_dir}:", style="bold"), table)


@contextmanager
def live(screen: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Show one progress bar per phase while the block runs; yields the function that moves it."""
    columns = (
        TextColumn("{task.description:>9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("draws per chain"),
        TimeElapsedColumn(),
    )
    with RichProgress(*columns, console=screen, disable=not screen.is_terminal) as bars:
        shown: dict[str, TaskID] = {}

        def move(phase: str, done: int, total: int) -> None:
            if phase not in shown:
                shown[phase] = bars.add_task(phase, total=total)
            bars.update(shown[phase], completed=done)

        yield move
