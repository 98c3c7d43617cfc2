"""`emergelaw import KIND SOURCE… -o X.nc`: published or own results become a data set of counts."""

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emergelaw.errors import InputError

if TYPE_CHECKING:
    from emergelaw.importers import Importer


def command(
    kind: Annotated[str, typer.Argument(help="pythia-evals, elementaltask, lm-eval, table, or auto (what fits).")],
    sources: Annotated[list[Path], typer.Argument(help="Files, folders or archives (.zip, .tar.gz).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The data set to write.")],
    filters: Annotated[list[str] | None, typer.Option("--filter", metavar="COLUMN=VALUE", help="Rows to keep.")] = None,
    maps: Annotated[list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN", help="What a column is.")] = None,
    suite: Annotated[str, typer.Option(help="pythia-evals: v1 (default), v0 or variants.")] = "",
    metric: Annotated[str, typer.Option(help="lm-eval: the metric to prefer, such as acc_norm.")] = "",
) -> None:
    """Import evaluation results; prints what was kept, merged and dropped, and why."""
    from emergelaw.importers import choose, save

    importer = choose(kind, sources)
    rows, columns = _pairs(filters, "--filter COLUMN=VALUE"), dict(_pairs(maps, "--map FIELD=COLUMN"))
    found = importer.read(
        sources, **_options(importer, {"filters": rows, "maps": columns, "suite": suite, "metric": metric})
    )
    ds = save(found, out)
    for line in found.log.lines():
        print(f"  {line}")
    cells = int((ds["n_trials"] > 0).sum())
    print(
        f"wrote {out}: {ds.sizes['model']} models × {ds.sizes['task']} tasks, {cells:,} cells "
        f"({found.provenance['kind']}: {found.provenance['title']})"
    )


def _pairs(texts: list[str] | None, wanted: str) -> list[tuple[str, str]]:
    """Split KEY=VALUE options."""
    pairs = [text.partition("=") for text in texts or ()]
    for text, (key, equals, value) in zip(texts or (), pairs, strict=True):
        if not (key and equals and value):
            raise InputError(f"expected {wanted}, got {text!r}: write both sides of the equals sign")
    return [(key, value) for key, _, value in pairs]


def _options(importer: "Importer", given: dict[str, Any]) -> dict[str, Any]:
    """Return what was given; an option that this importer does not have is an error, not ignored."""
    flags = {"filters": "--filter", "maps": "--map", "suite": "--suite", "metric": "--metric"}
    given = {name: value for name, value in given.items() if value}
    for name, value in given.items():
        if name not in inspect.signature(importer.read).parameters:
            raise InputError(f"expected no {flags[name]} with {importer.name}, got {value!r}: leave it out")
    return given
