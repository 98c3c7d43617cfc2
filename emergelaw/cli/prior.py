"""`emergelaw prior`: what a model believes about a data set before it sees any count."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from emergelaw.prior import Prior

MOST_PANELS = 6


def command(
    source: Annotated[str, typer.Argument(metavar="DATA", help="A data set, or the name of a shipped one.")],
    model: Annotated[str, typer.Option(help="A model file, or the name of a shipped one.")] = "trajectory",
    out: Annotated[Path | None, typer.Option(help="Folder of the figures; runs/<data>-<model> unless given.")] = None,
    draws: Annotated[int, typer.Option(min=20, help="Draws from the priors.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal draws.")] = 0,
) -> None:
    """Draw curves from the priors over the range of a data set, and print what they amount to."""
    from emergelaw import dataset, modelfile, shipped
    from emergelaw.prior import prior
    from emergelaw.terminal import console

    path = shipped.find_data(source)
    found = prior(dataset.open(path), modelfile.load(shipped.find_model(model)), draws, seed)
    files = _draw(found, out or Path("runs") / f"{path.stem}-{found.model.name}")
    screen = console()
    screen.print(
        f"{found.model.name}: {draws} draws of {len(found.design.task):,} curves from the priors; "
        f"the counts of {path} played no part"
    )
    screen.print(_table(found))
    screen.print(_sentence(found))
    screen.print(f"figures: {', '.join(map(str, files))}")


def _sentence(found: "Prior") -> str:
    low, high = (found.design.axis.text(x) for x in found.design.span)
    share = {name: f"{value:.0%}" for name, value in found.shares().items()}
    return (
        f"of all prior curves {share['flat']} are flat (rise below {found.model.flat_below:g}); half of the rise "
        f"lies before {low} for {share['before']}, between {low} and {high} for {share['inside']}, "
        f"after {high} for {share['after']}"
    )


def _table(found: "Prior"):
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("quantity", "5 %", "median", "95 %"):
        table.add_column(name, justify="left" if name == "quantity" else "right")
    axis = found.design.axis
    for name, values in found.ranges().items():
        shown = [axis.text(v) for v in values] if name == "onset" else [f"{v:.2g}" for v in values]
        units = {"onset": f" ({axis.label})", "width": f" ({'decades of ' if axis.log else ''}{axis.label})"}
        table.add_row(name + units.get(name, ""), *shown)
    return table


def _draw(found: "Prior", folder: Path) -> list[Path]:
    """Draw one panel per level of chance, as PNG and SVG."""
    import numpy as np

    from emergelaw.plots import plot_prior, save
    from emergelaw.plots.style import figure

    chance = found.design.chance[found.design.task]
    levels = np.unique(chance)[:MOST_PANELS]
    fig = figure(3.4 * len(levels), 2.8)
    x = np.linspace(*found.design.span, 120)
    for ax, level in zip(fig.subplots(1, len(levels), squeeze=False)[0], levels, strict=True):
        curves = found.curves(x, np.flatnonzero(chance == level))
        plot_prior(found.design.axis, x, curves, ax, chance=float(level), title=f"prior curves, chance {level:.2g}")
    folder.mkdir(parents=True, exist_ok=True)
    return [save(fig, folder / f"prior.{suffix}") for suffix in ("png", "svg")]
