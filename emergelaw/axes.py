"""The scale along which a capability emerges: tokens, FLOPs, steps or loss, and how to go from one to another.

Curves live in x, where x always rises with training: log10 of tokens, FLOPs and steps; minus the loss.
x = -inf means untrained (0 tokens), where the law gives its floor; x = +inf means never.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from emergelaw.errors import InputError, did_you_mean

ROUNDING = 1e-9  # what going to natural units and back may change in x
SUFFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class Axis:
    """One scale. `sign` is -1 where the value falls as training goes on."""

    name: str
    label: str
    log: bool = True
    sign: int = 1

    def to_x(self, values) -> np.ndarray:
        """Return x of values in natural units."""
        values = np.asarray(values, float)
        with np.errstate(divide="ignore"):
            return self.sign * (np.log10(values) if self.log else values)

    def from_x(self, x) -> np.ndarray:
        """Return values in natural units of x: the inverse of to_x."""
        x = self.sign * np.asarray(x, float)
        return 10.0**x if self.log else x

    def text(self, x: float) -> str:
        """Return x as text in natural units: 1.2B (tokens), 143k (steps), 3e+21 (FLOPs), 2.53 (loss)."""
        value = float(self.from_x(x))
        return f"{value:.3g}" if self.name == "loss" else quantity(value, scientific=self.name == "flops")

    def point(self, x: float, first: float, last: float) -> str:
        """Return a point of emergence as text; a censored one as ≤ the first or > the last checkpoint (all are x)."""
        later, earlier = ("<", "≥") if self.sign < 0 else (">", "≤")
        if x > last + ROUNDING:
            return later + self.text(last)
        if x <= first + ROUNDING:
            return earlier + self.text(first)
        return self.text(x)


AXES = {
    axis.name: axis
    for axis in (
        Axis("tokens", "tokens"),
        Axis("flops", "FLOPs"),
        Axis("steps", "steps"),
        Axis("loss", "loss", log=False, sign=-1),
    )
}


def quantity(value: float, scientific: bool = False) -> str:
    """Return a number of tokens or steps as people write it: 1.2B, 300k; FLOPs as 1.2e+21."""
    if not np.isfinite(value):
        return str(float(value))
    if scientific:
        return f"{value:.2g}"
    scale, suffix = next(((s, name) for s, name in SUFFIXES if abs(value) >= s), (1.0, ""))
    number = value / scale
    return f"{number:.0f}{suffix}" if abs(number) >= 100 else f"{number:.3g}{suffix}"


def named(name: str) -> Axis:
    """Return the axis of this name."""
    if name not in AXES:
        raise InputError(
            f"expected an axis among {', '.join(AXES)}, got {name!r}{did_you_mean(name, AXES)}: choose one of them"
        )
    return AXES[name]


def axis_of(ds: xr.Dataset, name: str = "tokens") -> tuple[Axis, np.ndarray]:
    """Return the axis and x (model, checkpoint); NaN only where a model has no measured checkpoint."""
    axis = named(name)
    values = _values(ds, axis.name)
    measured = (ds["n_trials"] > 0).any("task").values  # (model, checkpoint)
    gaps = np.argwhere(measured & ~np.isfinite(values))
    if len(gaps):
        model, checkpoint = gaps[0]
        raise InputError(
            f"expected {axis.label} for every measured checkpoint, got none at checkpoint {checkpoint} of model "
            f"{str(ds['model'].values[model])!r}: {_remedy(axis.name)} or choose another axis"
        )
    return axis, axis.to_x(values)


def _values(ds: xr.Dataset, name: str) -> np.ndarray:
    """Return natural values (model, checkpoint); FLOPs not stated are 6 × non-embedding parameters × tokens."""
    empty = np.full((ds.sizes["model"], ds.sizes["checkpoint"]), np.nan)
    column = "step" if name == "steps" else name
    stated = ds[column].values if column in ds.coords else empty
    if name != "flops" or "params" not in ds.coords:
        return stated
    return np.where(np.isfinite(stated), stated, 6.0 * ds["params"].values[:, None] * ds["tokens"].values)


def _remedy(name: str) -> str:
    if name == "flops":
        return "give the coordinate flops, or params and tokens to estimate them from,"
    return f"give the coordinate {'step' if name == 'steps' else name}"


def convert(ds: xr.Dataset, model: str, x, source: str, target: str) -> np.ndarray:
    """Return x of one model on another axis, interpolated between its own checkpoints (log-log where both are log).

    Infinities stay (untrained, never). Between no two checkpoints of the model there is nothing to interpolate: NaN.
    Where the source does not rise throughout (a loss that went up), the first checkpoint to get that far counts.
    """
    x = np.asarray(x, float)
    if source == target:
        return x.copy()
    row = list(ds["model"].values).index(model)
    one = ds.isel(model=[row])
    here, there = axis_of(one, source)[1][0], axis_of(one, target)[1][0]
    known = np.isfinite(here) & np.isfinite(there)
    here, there = here[known], there[known]
    advances = np.r_[True, here[1:] > np.maximum.accumulate(here)[:-1]] if len(here) else known[:0]
    here, there = here[advances], there[advances]
    inside = np.interp(x, here, there, left=np.nan, right=np.nan) if len(here) else np.full(x.shape, np.nan)
    return np.where(np.isinf(x), x, inside)
