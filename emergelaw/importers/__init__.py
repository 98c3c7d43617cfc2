"""Importers: one module per source format, listed here in the order in which they look at an unknown source."""

from pathlib import Path
from typing import Any

import xarray as xr

from emergelaw import __version__, dataset, items
from emergelaw.errors import InputError, did_you_mean
from emergelaw.importers import elementaltask, lm_eval, pythia_evals, table
from emergelaw.importers.common import Imported, Importer, Log

IMPORTERS = {i.name: i for i in (pythia_evals.IMPORTER, elementaltask.IMPORTER, lm_eval.IMPORTER, table.IMPORTER)}

__all__ = ["IMPORTERS", "Imported", "Importer", "Log", "choose", "save"]


def choose(kind: str, sources: list[Path]) -> Importer:
    """Return the importer of this name if the sources have its format; 'auto' takes the first that fits."""
    if kind != "auto" and kind not in IMPORTERS:
        raise InputError(
            f"expected KIND to be auto or one of {', '.join(IMPORTERS)}, got {kind!r}"
            f"{did_you_mean(kind, IMPORTERS)}: name the format of the source"
        )
    for source in sources:
        if not source.exists():
            raise InputError(f"expected a file or a folder at {source}, found nothing: check the path")
    missed = {}
    for importer in IMPORTERS.values() if kind == "auto" else (IMPORTERS[kind],):
        missed[importer.name] = importer.miss(sources)
        if missed[importer.name] is None:
            return importer
    missed |= {name: i.miss(sources) for name, i in IMPORTERS.items() if name not in missed}
    raise InputError(
        f"expected {_wanted(kind)} in {', '.join(map(str, sources))}, got none ({_verdict(missed)}): "
        "choose another KIND or another source"
    )


def save(found: Imported, path: Path, **more: Any) -> xr.Dataset:
    """Write what was imported, items included, with its log and `more` in its provenance; return the data set."""
    versions = {**found.provenance.get("versions", {}), "emergelaw": __version__}
    provenance = {**found.provenance, **more, "versions": versions, "import_log": found.log.lines()}
    ds = dataset.build(found.cells, found.models, found.tasks, provenance)
    dataset.save(ds, path, items=items.of_cells(ds, found.cells))
    return ds


def _wanted(kind: str) -> str:
    return "a known format" if kind == "auto" else IMPORTERS[kind].expects


def _verdict(missed: dict[str, str | None]) -> str:
    """Say of every importer what it missed, or that it fits."""
    return "; ".join(
        f"{name} looked and " + ("would fit" if miss is None else f"saw that {miss}") for name, miss in missed.items()
    )
