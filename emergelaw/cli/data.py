"""`emergelaw data …`: look into data sets, cut and merge them, export them, fetch published ones."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Describe, merge, cut, export and fetch data sets.")

Source = Annotated[str, typer.Argument(metavar="DATA", help="A data set: a .nc file, or the name of a shipped one.")]
Globs = typer.Option(metavar="GLOB", help="Names to keep: * and ? stand for anything; several with commas.")
Out = Annotated[Path, typer.Option("--out", "-o", help="The data set file to write.", dir_okay=False)]


def _read(source: str):
    """Return the data set, its function vectors by model, and its items or None."""
    from emergelaw import dataset, items, shipped, vectors

    path = shipped.find_data(source)
    found = vectors.open(path) if vectors.present(path) else {}
    return dataset.open(path), found, items.open(path) if items.present(path) else None


def _wrote(path: Path, ds) -> None:
    cells = int((ds["n_trials"].values > 0).sum())
    print(f"wrote {path}: {ds.sizes['model']} models, {ds.sizes['task']} tasks, {cells:,} cells")


@app.command()
def describe(data: Source, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Print what a data set holds: origin, models, tasks, holes, shapes of curves, dispersion, repeats."""
    from emergelaw.describe import describe as described

    ds, vectors, items = _read(data)
    content = described(ds) | {"vectors": {m: g.sizes["fv_checkpoint"] for m, g in vectors.items()}}
    content["items"] = 0 if items is None else int((items["outcome"] >= 0).sum())
    if as_json:
        import json

        print(json.dumps(content, indent=1, ensure_ascii=False))
    else:
        from emergelaw.cli.data_tables import show

        show(content)


@app.command()
def merge(data: Annotated[list[str], typer.Argument(metavar="DATA…", help="Two or more data sets.")], out: Out) -> None:
    """Make one data set of several; cells that contradict each other are an error."""
    from emergelaw import combine, dataset
    from emergelaw.items import follow

    parts = [_read(source) for source in data]
    merged = combine.merge([ds for ds, _, _ in parts])
    vectors = combine.merge_vectors([(ds, vectors) for ds, vectors, _ in parts], merged)
    dataset.save(merged, out, vectors, follow([(ds, items) for ds, _, items in parts], merged))
    _wrote(out, merged)


@app.command()
def subset(
    data: Source,
    out: Out,
    models: Annotated[str, Globs] = "*",
    tasks: Annotated[str, Globs] = "*",
    max_tokens: Annotated[float | None, typer.Option(metavar="N", help="Drop what was measured later.")] = None,
) -> None:
    """Cut a data set to some models, some tasks, or the beginning of training."""
    from emergelaw import combine, dataset
    from emergelaw.items import follow

    ds, vectors, items = _read(data)
    cut = combine.subset(ds, models, tasks, max_tokens)
    dataset.save(cut, out, combine.follow(vectors, ds, cut), follow([(ds, items)], cut))
    _wrote(out, cut)


@app.command()
def export(data: Source, csv: Annotated[Path, typer.Option(help="The table to write.", dir_okay=False)]) -> None:
    """Write the counts as one long table that `emergelaw import table` reads back."""
    from emergelaw import combine

    ds, _, _ = _read(data)
    combine.export_csv(ds, csv)
    print(f"wrote {csv}: {int((ds['n_trials'].values > 0).sum()):,} rows; provenance stays in the data set alone")


@app.command()
def pull(
    name: Annotated[str, typer.Argument(help="pythia-evals or elementaltask.")],
    local: Annotated[Path | None, typer.Option("--from", help="A local copy: folder or archive.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Default: data/NAME.nc", dir_okay=False)] = None,
) -> None:
    """Download published evaluations at a pinned commit and import them."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from emergelaw import dataset
    from emergelaw import pull as pulling

    source, out = pulling.find(name), out or Path("data") / f"{name}.nc"
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, transient=True, disable=local is not None) as bar:
        task = bar.add_task(f"{source.repository} @ {source.commit[:10]}", total=None)
        notes = pulling.pull(
            source, out, local, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    print("\n".join(notes))
    _wrote(out, dataset.open(out))
