"""`emergelaw order`: in which order tasks emerge, how far models agree, and what composites wait for."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from emergelaw.fits import Fit

NOT_CONVERGED = 3


def command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="DATA|RUN", help="A data set (fitted unless its fit exists) or a folder of a finished fit."
        ),
    ],
    threshold: Annotated[float, typer.Option(help="Accuracy from which a task counts as emerged.")] = 0.8,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Print when tasks emerge, in which order, and how far models agree on it, with 90 % intervals."""
    from emergelaw.emergence import define
    from emergelaw.order import order as ordered

    define("absolute", threshold)  # a bad threshold is refused before any fit
    fit = fitted(source)
    found = ordered(fit, threshold)
    if as_json:
        import json

        print(json.dumps(content(fit, found), indent=1, ensure_ascii=False))
    else:
        from emergelaw.cli.order_tables import show

        show(fit, found)
    if not fit.result["converged"]:
        raise typer.Exit(NOT_CONVERGED)


def fitted(source: str) -> "Fit":
    """Open the fit of a run folder; fit a data set, or reuse its fit. What fitting prints goes to stderr."""
    from emergelaw.fits import fit_or_reuse, load

    if Path(source).is_dir():
        return load(Path(source))
    from emergelaw.terminal import console, live

    screen = console(stderr=True)
    with live(screen) as progress:
        return fit_or_reuse(source, progress=progress, say=screen.print)[0]


def content(fit: "Fit", found: Any) -> dict[str, Any]:
    """Return the answer as plain JSON; null stands for what is not finite: never, or not defined."""
    from emergelaw import dataset

    tables = ("emergence", "consensus", "pairs", "composites", "compliance", "sensitivity")
    return {
        "provenance": dataset.provenance(fit.data),
        "status": fit.result["status"],
        "converged": fit.result["converged"],
        "threshold": found.threshold,
        "axis": fit.axis.name,
        **{name: [_plain(row) for row in getattr(found, name).to_dict("records")] for name in tables},
        "notes": found.notes,
    }


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
