"""What every importer returns, and the log of what it kept, merged and dropped."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd


@dataclass
class Log:
    """Sentences about what an import kept, merged and dropped, and why; printed, and stored in the provenance."""

    counts: Counter = field(default_factory=Counter)

    def add(self, sentence: str, times: int = 1) -> None:
        self.counts[sentence] += times

    def lines(self) -> list[str]:
        return [s if n == 1 else f"{s} (× {n:,})" for s, n in self.counts.items()]


@dataclass(frozen=True)
class Imported:
    """The three tables of `dataset.build`, and where they come from.

    Where a source has single items, cells have a column `items`: {item: right or not}, or None.
    """

    cells: pd.DataFrame
    models: pd.DataFrame
    tasks: pd.DataFrame
    provenance: dict[str, Any]
    log: Log


@dataclass(frozen=True)
class Importer:
    """One source format.

    `miss` says in one sentence what the sources lack to be of this format, or None if they fit. `read` takes the
    sources alone; further parameters, all with defaults, are the options this format has.
    """

    name: str
    expects: str
    miss: Callable[[list[Path]], str | None]
    read: Callable[..., Imported]


def distinct(names: Iterable[str]) -> list[str]:
    """Return the names, those that come again with their number."""
    seen: Counter[str] = Counter()
    out = []
    for name in names:
        out.append(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return out
