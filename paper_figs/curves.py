"""Draw docs/curves.svg, the picture of the README, from the shipped data set: `make figures`."""

from pathlib import Path

from emergelaw.fits import fit_or_reuse
from emergelaw.plots import plot_curves, save, style
from emergelaw.plots.bands import curve_bands
from emergelaw.plots.style import figure, mark_figure

ROOT = Path(__file__).resolve().parent.parent
SHOWN = {  # what each of these tasks is an example of
    "task-03": "emerges early, is mastered",
    "task-12": "noise far above binomial",
    "task-08": "still rising at the end",
    "task-11": "flat, or not yet?",
}


@style()
def draw(run: Path = ROOT / "runs" / "demo"):
    """Return the figure: data, median and bands of one family, one panel per task."""
    fit, _ = fit_or_reuse(ROOT / "data" / "simulated.nc", out=run)
    bands, models = curve_bands(fit), ["F1-70M", "F1-920M", "F1-12B"]
    fig = figure(10, 2.7)
    panels = fig.subplots(1, len(SHOWN), sharey=True)
    for ax, (task, what) in zip(panels, SHOWN.items(), strict=True):
        plot_curves(fit, ax, task=task, models=models, bands=bands)
        ax.set_title(f"{task}: {what}")
        ax.set_title("", loc="right")
        if ax is not panels[0]:
            ax.set_ylabel("")
            ax.get_legend().remove()
    mark_figure(fig, fit)
    return fig


if __name__ == "__main__":
    print(save(draw(), ROOT / "docs" / "curves.svg"))
