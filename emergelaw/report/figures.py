"""The figures of a report: written as files, and embedded so that the page needs nothing beside it."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from PIL import Image

from emergelaw import plots
from emergelaw.plots.bands import curve_bands
from emergelaw.summary import TaskRow

if TYPE_CHECKING:
    from emergelaw.fits import Fit

_SVG_LIMIT = 150_000  # bytes; above it a figure is embedded as pixels
_SVG_BUDGET = 5_000_000  # bytes for all vector figures of a page together


@dataclass(frozen=True)
class Picture:
    """One embedded figure: its file name without ending, its text for those who cannot see it, its data URI."""

    name: str
    alt: str
    uri: str


@dataclass(frozen=True)
class Pictures:
    """All figures of a report."""

    overview: Picture
    emergence: Picture
    diagnostics: Picture
    priors: Picture | None  # a model may have no hyper-parameters
    tasks: dict[str, Picture]


def draw_all(fit: Fit, rows: list[TaskRow], folder: Path) -> Pictures:
    """Draw every figure, write it to the folder as SVG (and as PNG where that is large), and embed it."""
    folder.mkdir(parents=True, exist_ok=True)
    bands, names = curve_bands(fit), slugs(row.task for row in rows)
    limit = min(_SVG_LIMIT, _SVG_BUDGET // (len(rows) + 4))

    def keep(name: str, alt: str, fig: Figure) -> Picture:
        return Picture(name, alt, embed(fig, folder / name, limit))

    return Pictures(
        keep("overview", "measured accuracies and posterior curves of every task", plots.plot_grid(fit, bands=bands)),
        keep("emergence", "when each task emerged, with 90 % intervals", plots.emergence_figure(fit, rows)),
        keep("diagnostics", "r-hat, effective sample sizes, traces and ranks", plots.diagnostics_figure(fit)),
        keep("priors", "priors and posterior intervals", plots.prior_posterior_figure(fit)) if fit.priors else None,
        {
            row.task: keep(
                f"task-{names[row.task]}",
                f"curves of {row.task} with bands and data",
                plots.task_figure(fit, row.task, bands=bands),
            )
            for row in rows
        },
    )


def embed(fig: Figure, path: Path, limit: int) -> str:
    """Write a figure to path.svg and return it as a data URI: the SVG if it is small, else a PNG, also written."""
    svg = plots.save(fig, path.with_name(f"{path.name}.svg")).read_bytes()
    if len(svg) <= limit:
        return _uri("image/svg+xml", svg)
    return _uri("image/png", _compact(plots.save(fig, path.with_name(f"{path.name}.png"))))


def _compact(png: Path) -> bytes:
    """Return a PNG with a palette of 256 colours: a third of the size, and hard to tell apart."""
    out = io.BytesIO()
    Image.open(png).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def slugs(names: Iterable[str]) -> dict[str, str]:
    """Return a distinct name for files and anchors for every task."""
    out: dict[str, str] = {}
    for name in names:
        slug = base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "task"
        count = 1
        while slug in out.values():
            count += 1
            slug = f"{base}-{count}"
        out[name] = slug
    return out
