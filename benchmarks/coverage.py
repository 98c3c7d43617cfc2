"""Do 50 % and 90 % predictive intervals hold for cells that the fit has not seen? One row per data set and seed.

python benchmarks/coverage.py [--sets pythia-core,olmo-ladder] [--seeds 0]
"""

import argparse
from pathlib import Path

import numpy as np
from heldout import covered, hide, interpolated, predict
from isolated import isolated
from published import DATA_ROOT, SETS, load
from results_table import RESULTS, command, measured_with, merge
from scipy.stats import binom

NOTES = """A random fifth of the measured cells of every curve is hidden, the rest is fitted, and the counts of the
hidden cells are predicted. `covered`: share of hidden cells inside their central interval (randomised PIT, since counts
are discrete). `width`: mean width of the 90 % interval of k/n. `φ<1`: the cells of tasks whose posterior median
dispersion is below 1; there `binomial width` is the mean 90 % width of a plain binomial at the same p. `log score`:
mean log probability of a hidden count. `MAE` of the predicted mean stands beside that of a straight line between the
neighbouring checkpoints of the same curve."""
KEY = ("data set", "seed")


def measure(name: str, root: Path, seed: int, max_draws: int) -> dict[str, object]:
    """Fit one data set with cells hidden and return what the table shows of their prediction."""
    from emergelaw import fits

    full = load(name, root)
    ds, cells = hide(full, seed)
    found = fits.fit(ds, "trajectory", seed, max_draws)
    told = predict(found, full, cells)
    share, narrow = cells.k / cells.n, told.dispersion < 1
    width = np.diff(told.bounds[0.9], axis=0)[0]
    plain = np.diff(binom.ppf([[0.05], [0.95]], cells.n, told.mean), axis=0)[0] / cells.n
    return {
        "status": found.result["status"],
        "hidden": len(cells.k),
        "covered 50 %": f"{100 * covered(told.pit, 0.5):.1f} %",
        "covered 90 %": f"{100 * covered(told.pit, 0.9):.1f} %",
        "width": f"{width.mean():.4f}",
        "φ<1": f"{100 * narrow.mean():.0f} %",
        "φ<1: covered 90 %": f"{100 * covered(told.pit[narrow], 0.9):.1f} %" if narrow.any() else "–",
        "φ<1: width": f"{width[narrow].mean():.4f}" if narrow.any() else "–",
        "φ<1: binomial width": f"{plain[narrow].mean():.4f}" if narrow.any() else "–",
        "log score": f"{told.log_score.mean():.3f}",
        "MAE": f"{np.abs(told.mean - share).mean():.4f}",
        "MAE line": f"{np.abs(interpolated(ds, full, cells, found.model.axis) - share).mean():.4f}",
        "minutes": round(found.result["seconds"]["total"] / 60, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--max-draws", type=int, default=4000)
    parser.add_argument("--out", type=Path, default=RESULTS / "coverage.md")
    options = parser.parse_args()
    for name in options.sets.split(","):
        for seed in map(int, options.seeds.split(",")):
            told = isolated(measure, name, options.data_root, seed, options.max_draws, minutes=24 * 60)
            how = command(__file__, sets=name, seeds=seed, max_draws=options.max_draws)
            rows = [{"data set": name, "seed": seed, **told, "command": how}]
            print(merge(options.out, rows, KEY, "Held-out cells of published data", NOTES, measured_with()))


if __name__ == "__main__":
    main()
