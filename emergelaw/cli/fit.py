"""`emergelaw fit`: from a data set to the posterior over its emergence curves, a report and a status."""

from pathlib import Path
from typing import Annotated

import typer

NOT_CONVERGED = 3
CHAINS = 4


def command(
    source: Annotated[str, typer.Argument(metavar="DATA", help="A data set, or the name of a shipped one.")],
    model: Annotated[str, typer.Option(help="A model file, or the name of a shipped one.")] = "trajectory",
    out: Annotated[Path | None, typer.Option(help="Folder of the run; runs/<data>-<model> unless given.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal draws.")] = 0,
    max_draws: Annotated[
        int, typer.Option(min=250, help="Most draws per chain; sampling stops when they suffice.")
    ] = 4000,
    force: Annotated[bool, typer.Option("--force", help="Fit even if the folder holds the same fit.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print fit.json and nothing else.")] = False,
) -> None:
    """Fit every curve of a data set together and write posterior, emergence points and report."""
    import json

    from emergelaw import fits
    from emergelaw.terminal import console, live, summary

    screen = console(stderr=as_json)
    with live(screen) as progress:
        found, run = fits.fit_or_reuse(source, model, out, seed, force, max_draws, screen.print, progress)
    if as_json:
        print(json.dumps(found.result, indent=1))
    else:
        screen.print(summary(found, run))
    if not found.result["converged"]:
        raise typer.Exit(NOT_CONVERGED)
