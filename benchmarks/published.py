"""The published data sets on which the project is measured, read with its own table importer."""

from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from emergelaw import dataset
from emergelaw.errors import InputError, did_you_mean
from emergelaw.importers import table

DATA_ROOT = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
PYTHIA, ICH = ("pythia/pythia_v1_main_acc.csv.gz",), "ich/ich_{}.csv.gz"
EXACT = (("metric", "exact_match"),)
# Name: its files, and the rows to keep (as `emergelaw import table FILE… --filter COLUMN=VALUE` would).
SETS: dict[str, tuple[tuple[str, ...], Sequence[tuple[str, str]]]] = {
    "pythia-core": (PYTHIA, (("n_shots", "0"), ("category", "core"))),
    "pythia-all": (PYTHIA, (("n_shots", "0"),)),
    "ich-amber": ((ICH.format("amber-7b"),), EXACT),
    "ich-olmo2-1b": ((ICH.format("olmo2-1b"),), EXACT),
    "ich-pythia-6.9b": ((ICH.format("pythia-6.9b"),), EXACT),
    "ich-all": (tuple(ICH.format(name) for name in ("amber-7b", "olmo2-1b", "pythia-6.9b")), EXACT),
    "olmo-ladder": (("olmo-ladder/olmo_ladder_190M-3B.csv.gz",), ()),
}


def load(name: str, root: Path = DATA_ROOT) -> xr.Dataset:
    """Return one of SETS."""
    if name not in SETS:
        raise InputError(f"expected a data set among {', '.join(SETS)}, got {name!r}{did_you_mean(name, SETS)}")
    files, filters = SETS[name]
    found = table.read([root / file for file in files], filters)
    return dataset.build(found.cells, found.models, found.tasks, {**found.provenance, "kind": "published"})
