"""Put a fit on one HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from emergelaw import dataset
from emergelaw.files import atomic
from emergelaw.report.figures import draw_all, slugs
from emergelaw.summary import curve_rows, interval, measured, origin, spread, task_rows, when

if TYPE_CHECKING:
    from emergelaw.fits import Fit

_MOST_ITEMS = 20  # of a long provenance entry; all of them stay in the data file


def build(fit: Fit, out_dir: str | Path) -> Path:
    """Write out_dir/report.html, which needs nothing beside it, and the figures to out_dir/figures; return the page."""
    out_dir = Path(out_dir)
    page = _environment(fit).get_template("template.html").render(**_content(fit, out_dir / "figures"))
    with atomic(out_dir / "report.html") as part:
        part.write_text(page, encoding="utf-8")
    return out_dir / "report.html"


def _environment(fit: Fit) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        plain=plain,
        interval=lambda row: interval(fit, row),
        spread=lambda ends: spread(*ends),
        median=lambda row: when(fit, row.emergence[1], row.span),
    )
    return environment


def _content(fit: Fit, figures: Path) -> dict[str, Any]:
    """Return what the template shows."""
    rows, curves = task_rows(fit), measured(fit)
    provenance = dataset.provenance(fit.data)
    return {
        "axis": fit.axis,
        "data": _data_facts(fit),
        "explanations": fit.result["explanations"],
        "log": provenance.pop("log", []),
        "origin": origin(fit),
        "pictures": draw_all(fit, rows, figures),
        "priors": fit.priors,
        "provenance": provenance,
        "result": fit.result,
        "rows": rows,
        "slug": slugs(row.task for row in rows),
        "title": provenance.get("title", "untitled data set"),
        "curves": {row.task: curve_rows(fit, curves, row.task) for row in rows},
    }


def _data_facts(fit: Fit) -> dict[str, str]:
    """Return the size of what was analysed, in words."""
    curves = measured(fit)
    n = curves.n[curves.n > 0]
    low, high = (fit.axis.text(x) for x in (curves.first.min(), curves.last.max()))
    items = f"{n.min():,}" if n.min() == n.max() else f"{n.min():,} to {n.max():,}"
    return {
        "models": str(fit.data.sizes["model"]),
        "tasks": str(fit.data.sizes["task"]),
        "curves": f"{len(curves.n):,}",
        "measured cells": f"{len(n):,}",
        "items per cell": items,
        fit.axis.label: f"{low} to {high}",
    }


def plain(value: Any) -> str:
    """Say a provenance entry as text; long ones are cut."""
    if isinstance(value, Mapping):
        value = [f"{key}: {plain(v)}" for key, v in value.items()]
    if not isinstance(value, list | tuple):
        return str(value)
    shown = "; ".join(plain(v) for v in value[:_MOST_ITEMS])
    return shown if len(value) <= _MOST_ITEMS else f"{shown}; and {len(value) - _MOST_ITEMS:,} more"
