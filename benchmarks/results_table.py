"""Tables of results that grow row by row: a Markdown file in which measuring a row again replaces it."""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from emergelaw.files import atomic

RESULTS = Path(__file__).resolve().parent / "results"
PACKAGES = ("emergelaw", "numpyro", "jax", "numpy", "scipy")
Row = Mapping[str, object]


def measured_with(packages: Sequence[str] = PACKAGES) -> str:
    """Say on what the numbers were measured."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"Measured on {os.cpu_count()} CPU cores, Python {sys.version.split()[0]}, {versions}."


def command(script: str, **options: object) -> str:
    """Return what to type in the root of the repository to measure a row again."""
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return f"`python benchmarks/{Path(script).name} {shlex.join(words)}`"


def merge(path: Path, rows: Sequence[Row], key: Sequence[str], title: str, notes: str, measured: str) -> str:
    """Write rows into the table at path and return it; equal `key` columns mean the same row.

    Rows measured with other versions or on another machine are dropped: one table compares like with like.
    """
    new = [{name: _cell(value) for name, value in row.items()} for row in rows]
    old = read(path) if path.is_file() and measured in path.read_text() else []
    known = {tuple(row[k] for k in key): row for row in old if row.keys() == new[0].keys()}
    known |= {tuple(row[k] for k in key): row for row in new}
    text = f"# {title}\n\n{measured}\n\n{markdown([known[k] for k in sorted(known, key=_natural)])}\n\n{notes}\n"
    with atomic(path) as part:
        part.write_text(text)
    return text


def markdown(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table; all have the columns of the first."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([_cell(row[name]) for name in rows[0]] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of the first table in a Markdown file, every cell as text."""
    lines = [line for line in path.read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]


def _natural(key: tuple[str, ...]) -> tuple:
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in key)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and abs(value) >= 10_000 else str(value)
