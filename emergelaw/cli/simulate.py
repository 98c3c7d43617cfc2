"""`emergelaw simulate`: a data set whose truth is known, drawn from a model file."""

from pathlib import Path
from typing import Annotated

import typer

from emergelaw.errors import InputError


def command(
    out: Annotated[Path, typer.Option("--out", "-o", help="The data set to write.", dir_okay=False)],
    model: Annotated[str, typer.Option(help="A model file, or the name of a shipped one.")] = "trajectory",
    models: Annotated[int, typer.Option(metavar="N", help="Models, dealt out to the families.")] = 6,
    tasks: Annotated[int, typer.Option(metavar="N")] = 12,
    checkpoints: Annotated[int, typer.Option(metavar="N", help="Checkpoints of every model.")] = 16,
    families: Annotated[int, typer.Option(metavar="N")] = 2,
    trials: Annotated[int, typer.Option(metavar="N", help="Items per task.")] = 500,
    missing: Annotated[float, typer.Option(metavar="F", help="Share of cells without a measurement.")] = 0.0,
    flat: Annotated[float, typer.Option(metavar="F", help="Share of tasks made flat, besides what priors do.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal data.")] = 0,
    fix: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="A prior's quantity to fix.")] = None,
) -> None:
    """Draw a data set with known truth from a model file; what is not fixed is drawn from the priors."""
    from emergelaw import dataset
    from emergelaw.simulation import simulate

    size = {"models": models, "tasks": tasks, "checkpoints": checkpoints, "families": families, "trials": trials}
    ds, truth = simulate(model, seed=seed, fixed=_pairs(fix), missing=missing, flat=flat, **size)
    dataset.save(ds, out)
    shares = [f"{float(truth['flat'].mean()):.0%} of curves flat", f"{int((ds['n_trials'].values > 0).sum()):,} cells"]
    print(f"wrote {out}: SIMULATED, {ds.sizes['model']} models × {ds.sizes['task']} tasks, {', '.join(shares)}")
    print("the truth is in its coordinates true_*, the options in its provenance")


def _pairs(texts: list[str] | None) -> dict[str, float]:
    """Read NAME=VALUE options."""
    found = {}
    for text in texts or ():
        name, _, value = text.partition("=")
        try:
            found[name] = float(value)
        except ValueError as error:
            raise InputError(
                f"expected --fix NAME=VALUE with a number, got {text!r}: write it as onset_mean=0.5"
            ) from error
    return found
