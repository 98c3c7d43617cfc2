"""Does `emergelaw fit` converge on real data? One row per data set, seed and number of chains.

python benchmarks/convergence.py [--sets pythia-core,ich-all] [--seeds 0,1] [--chains 8]
"""

import argparse
from pathlib import Path

from isolated import cold_caches, isolated
from published import DATA_ROOT, SETS, load
from results_table import RESULTS, command, measured_with, merge

KEY = ("data set", "seed", "chains")

NOTES = """One process per fit; total: compilation from cold caches included. Every chain starts from its own draw from
the prior. r-hat (rank-normalised, split, larger of bulk and folded) and bulk ESS: worst of all reported quantities.
`gradients` and `draws` are over all chains; coverage: share of the fitted cells in their 90 % predictive interval."""
UNKNOWN = "–"


def fit_once(name: str, root: Path, seed: int, chains: int, max_draws: int) -> dict[str, object]:
    """Fit one data set and return what the table shows of it."""
    from emergelaw import fits

    found = fits.fit(load(name, root), "trajectory", seed, max_draws, chains=chains)
    told = found.result
    return {
        "curves": told["n_curves"],
        "cells": told["n_cells"],
        "status": told["status"],
        "max r-hat": f"{told['max_rhat']:.4f}",
        "min bulk ESS": round(told["min_ess_bulk"]),
        "divergences": told["divergences"],
        "draws": told["draws"],
        "gradients": told["gradients"],
        **{f"{phase} s": round(told["seconds"][phase], 1) for phase in ("compile", "warmup", "sample", "total")},
        "coverage 90 %": f"{100 * told['coverage90_in_sample']:.1f} %",
    }


def row(name: str, seed: int, options: argparse.Namespace) -> dict[str, object]:
    """Return one row of the table; a fit that was stopped says so."""
    key = {"data set": name, "seed": seed, "chains": options.chains}
    args = (name, options.data_root, seed, options.chains, options.max_draws)
    with cold_caches():
        measured = isolated(fit_once, *args, minutes=options.minutes)
    if measured is None:
        measured = dict.fromkeys(COLUMNS, UNKNOWN) | {"status": f"stopped after {options.minutes:g} minutes"}
    how = command(__file__, sets=name, seeds=seed, chains=options.chains, max_draws=options.max_draws)
    return {**key, **measured, "command": how}


COLUMNS = [
    "curves", "cells", "status", "max r-hat", "min bulk ESS", "divergences", "draws", "gradients",
    "compile s", "warmup s", "sample s", "total s", "coverage 90 %",
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--max-draws", type=int, default=4000)
    parser.add_argument("--minutes", type=float, default=60.0, help="stop a fit after this long and say so")
    parser.add_argument("--out", type=Path, default=RESULTS / "convergence.md")
    options = parser.parse_args()
    for name in options.sets.split(","):
        for seed in map(int, options.seeds.split(",")):
            rows = [row(name, seed, options)]
            print(merge(options.out, rows, KEY, "Convergence on published data", NOTES, measured_with()))


if __name__ == "__main__":
    main()
