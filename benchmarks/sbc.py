"""Simulation-based calibration: draw a truth from the prior, counts from the truth, fit, and see where the truth falls.

Over many replicates the rank of the truth among the posterior draws is uniform if and only if law, likelihood and
sampler agree. Every replicate is stored as one line of JSON, so that the run can be stopped and continued.

python benchmarks/sbc.py [--replicates 200] [--processes 2]
"""

import argparse
import json
import multiprocessing
import statistics
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from replicate import PLAN, RANKS, model_sha256, replicate
from results_table import RESULTS, command, markdown, measured_with
from scipy.stats import binom, chisquare

from emergelaw.files import atomic

BINS = 20
NOTES = """Truth drawn from the priors of models/trajectory.toml, counts from the law's own likelihood, every replicate
fitted by the sampler of `emergelaw fit` (four chains from prior draws, all adaptation anew). Rank of the truth among 99
evenly thinned draws of all chains, χ² over 20 bins; `onset[5]`: onset of the sixth curve, `log likelihood`: that of
all counts together, which is sensitive to what single parameters do not show. Replicates that did not converge are
counted in, since leaving them out would bias the ranks. Histograms: sbc.svg; single replicates: sbc.jsonl."""


def collect(path: Path, replicates: int, processes: int, max_draws: int) -> list[dict]:
    """Return all replicates, computing and storing those that are missing."""
    done = {one["seed"]: one for one in stored(path)}
    missing = [seed for seed in range(replicates) if seed not in done]
    with atomic(path) as part:  # without what an interruption or another model left there
        part.write_text("".join(json.dumps(one) + "\n" for one in done.values()))
    if missing:
        with multiprocessing.get_context("spawn").Pool(processes) as pool, path.open("a") as file:
            for one in pool.imap_unordered(partial(replicate, max_draws=max_draws), missing):
                done[one["seed"]] = one
                file.write(json.dumps(one) + "\n")
                file.flush()
                print(
                    f"{len(done)} of {replicates}: seed {one['seed']}, {one['status']}, {one['seconds']} s", flush=True
                )
    return [done[seed] for seed in range(replicates)]


def stored(path: Path) -> list[dict]:
    """Return the replicates of the present model; a line cut short by an interruption is left out."""
    lines = path.read_text().splitlines(keepends=True) if path.is_file() else []
    found = [json.loads(line) for line in lines if line.endswith("\n")]
    return [one for one in found if one["model"] == model_sha256()]


def ranks_of(replicates: list[dict]) -> dict[str, np.ndarray]:
    """Return the ranks of every quantity over replicates."""
    return {name: np.array([one["ranks"][name] for one in replicates]) for name in replicates[0]["ranks"]}


def histogram(ranks: np.ndarray) -> np.ndarray:
    return np.bincount(ranks * BINS // RANKS, minlength=BINS)


def row(name: str, ranks: np.ndarray) -> dict[str, object]:
    """Return uniformity and coverage of one quantity."""
    off_centre = np.abs((ranks + 0.5) / RANKS - 0.5)
    return {
        "quantity": f"`{name}`",
        "χ² p": f"{chisquare(histogram(ranks)).pvalue:.3f}",
        "mean rank": f"{ranks.mean() / (RANKS - 1):.3f}",
        "covered 50 %": f"{100 * np.mean(off_centre < 0.25):.1f} %",
        "covered 90 %": f"{100 * np.mean(off_centre < 0.45):.1f} %",
    }


def summary(replicates: list[dict], how: str) -> str:
    """Return the whole result as Markdown."""
    ranks = ranks_of(replicates)
    p = np.array([chisquare(histogram(one)).pvalue for one in ranks.values()])
    everything = np.concatenate(list(ranks.values()))
    statuses = ", ".join(
        f"{count} {name}" for name, count in Counter(one["status"] for one in replicates).most_common()
    )
    median = {name: statistics.median(one[name] for one in replicates) for name in ("seconds", "divergences")}
    mixed = sum(one["max_rhat"] <= 1.01 and one["min_ess"] >= 400 for one in replicates)
    told = (
        f"{len(replicates)} replicates of {PLAN['models']} models × {PLAN['tasks']} tasks × {PLAN['checkpoints']} "
        f"checkpoints, {PLAN['trials']} trials per cell: {statuses}; "
        f"r-hat and ESS good in {mixed}; medians {median['seconds']:.0f} s and {median['divergences']:g} divergences.\n"
        f"{len(ranks)} quantities: smallest χ² p {p.min():.4f} ({min(1.0, p.min() * len(p)):.2f} after Bonferroni), "
        f"{(p < 0.05).sum()} below .05 where {0.05 * len(p):.1f} are expected; "
        f"50 % intervals cover {100 * np.mean(np.abs((everything + 0.5) / RANKS - 0.5) < 0.25):.1f} %, "
        f"90 % intervals {100 * np.mean(np.abs((everything + 0.5) / RANKS - 0.5) < 0.45):.1f} % of all true values."
    )
    table = markdown([row(name, one) for name, one in ranks.items()])
    return f"# Simulation-based calibration\n\n{measured_with()} Command: {how}\n\n{told}\n\n{table}\n\n{NOTES}\n"


def draw_histograms(ranks: dict[str, np.ndarray], path: Path) -> None:
    """Draw a rank histogram per quantity, over the band that holds 99 % of uniform bins."""
    columns = 6
    rows = -(-len(ranks) // columns)
    figure = Figure(figsize=(2.0 * columns, 1.35 * rows), layout="constrained")
    count = len(next(iter(ranks.values())))
    low, high = binom.ppf([0.005, 0.995], count, 1 / BINS)
    for at, (name, one) in enumerate(ranks.items()):
        axis = figure.add_subplot(rows, columns, at + 1)
        axis.axhspan(low, high, color="0.88", lw=0)
        axis.bar(np.arange(BINS) + 0.5, histogram(one), width=1.0, color="#4477aa")
        axis.set(title=name, xticks=[], xlim=(0, BINS), ylim=(0, max(high, histogram(one).max()) * 1.1))
        axis.title.set_fontsize(7)
        axis.tick_params(labelsize=6)
    with atomic(path) as part:
        figure.savefig(part, format="svg", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--max-draws", type=int, default=4000)
    parser.add_argument("--out", type=Path, default=RESULTS / "sbc.md")
    options = parser.parse_args()
    found = collect(options.out.with_suffix(".jsonl"), options.replicates, options.processes, options.max_draws)
    draw_histograms(ranks_of(found), options.out.with_suffix(".svg"))
    text = summary(found, command(__file__, replicates=options.replicates, max_draws=options.max_draws))
    with atomic(options.out) as part:
        part.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
