"""What a model believes before it sees any count: draws of all curves from its priors, and what they amount to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpyro.handlers import seed as seeded
from numpyro.handlers import substitute, trace
from scipy.special import softmax
from scipy.stats import truncnorm

from emergelaw.curves import curve
from emergelaw.design import Design, design
from emergelaw.errors import InputError, did_you_mean
from emergelaw.laws.trajectory import EDGES, PARAMS, Trajectory, accuracy
from emergelaw.modelfile import ModelFile

jax.config.update("jax_enable_x64", True)  # a seed must give the same draws whatever was imported before


CEILINGS = "ceiling_task_raw"
TINY = 1e-12  # for a scale fixed at 0: raw effects are multiples of it


@dataclass(frozen=True)
class Prior:
    """Draws from the priors of a model, arranged like the curves of one data set."""

    model: ModelFile
    design: Design
    draws: dict[str, np.ndarray]  # natural parameters, each (draw, curve)

    def curves(self, x: np.ndarray, which: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return one accuracy curve per draw, (draw, x): that of a curve picked at random among `which`."""
        count = len(self.draws["floor"])
        candidates = np.arange(len(self.design.task))[which]
        picked = np.random.default_rng(count).choice(candidates, count)
        params = {name: values[np.arange(count), picked][:, None] for name, values in self.draws.items()}
        return np.asarray(accuracy(curve(self.model.curve), params, np.asarray(x, float)))

    def shares(self) -> dict[str, float]:
        """Return the share of curves that are flat, or whose half rise lies before, inside or after the data."""
        low, high = self.design.span
        flat = self.draws["ceiling"] - self.draws["floor"] < self.model.flat_below
        onset = self.draws["onset"]
        before, after = ~flat & (onset < low), ~flat & (onset > high)
        each = {"flat": flat, "before": before, "inside": ~(flat | before | after), "after": after}
        return {name: float(np.mean(values)) for name, values in each.items()}

    def ranges(self) -> dict[str, np.ndarray]:
        """Return the 5, 50 and 95 % quantiles of the rise and of every parameter over draws and curves."""
        rise = {"rise": self.draws["ceiling"] - self.draws["floor"]}
        return {name: np.quantile(values, (0.05, 0.5, 0.95)) for name, values in (rise | self.draws).items()}


def prior(ds: xr.Dataset, model: ModelFile, draws: int = 200, seed: int = 0) -> Prior:
    """Draw all curves of a data set from the priors of a model; its counts play no part."""
    if draws < 1:
        raise InputError(f"expected at least 1 draw from the priors, got {draws}: ask for more")
    arranged = design(ds, model.axis)
    found = draw(Trajectory(model, arranged), seed, draws)
    return Prior(model, arranged, natural_parameters(found, arranged))


def draw(law: Trajectory, seed: int, count: int, fixed: Mapping[str, Any] | None = None) -> dict[str, np.ndarray]:
    """Return `count` draws of every quantity of a law, some of them fixed: {"onset_mean": 0.5, "floor": 0.25}.

    Without centring no site but the ceilings depends on another, so each is drawn by itself and the law does the rest.
    """
    shapes, rng = _free(law), np.random.default_rng(seed)
    held = {name: _value(name, value, shapes) for name, value in (fixed or {}).items()}
    values: dict[str, np.ndarray] = {}
    for name, size in sorted(shapes.items(), key=lambda item: item[0] == CEILINGS):
        shape = (count, *size)
        drawn = _ceilings(law, values, shape, rng) if name == CEILINGS else _site(law, name, shape, rng)
        values[name] = np.broadcast_to(held.get(name, drawn), shape)

    def derived(one: dict[str, jax.Array]) -> dict[str, jax.Array]:
        sites = trace(substitute(law, data=one)).get_trace()
        return {name: site["value"] for name, site in sites.items() if site["type"] == "deterministic"}

    return values | {name: np.asarray(v) for name, v in jax.jit(jax.vmap(derived))(values).items()}


def _site(law: Trajectory, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw one site; compiling JAX's own generators would take longer than all the rest."""
    if name.endswith("_raw"):
        return rng.standard_normal(shape)
    if name == "floor":
        chance, scale = law.design.chance, law.model.priors["floor_sd"].scale
        return truncnorm.rvs(-chance / scale, (1 - chance) / scale, chance, scale, shape, random_state=rng)
    prior = law.model.priors[name]
    drawn = rng.normal(prior.location, prior.scale, shape)
    return drawn if prior.distribution == "normal" else np.abs(drawn)


def _ceilings(law: Trajectory, drawn: Mapping[str, np.ndarray], shape: tuple[int, ...], rng: np.random.Generator):
    """Draw the raw ceiling of every task, given the odds of the flat and of the mastered against the others."""
    odds = np.stack([np.zeros(shape[0]), *(drawn[f"ceiling_{edge}_odds"] for edge in EDGES)], axis=-1)
    upto = np.cumsum(softmax(odds, axis=-1), axis=-1)[:, None]
    part = (rng.random(shape)[..., None] > upto[..., :-1]).sum(-1)  # 0: a partial rise
    raw = rng.standard_normal(shape)
    mean, sd = drawn["ceiling_mean"][:, None], drawn["ceiling_task_sd"][:, None]
    for i, edge in enumerate(EDGES, 1):
        end = law.model.priors[f"ceiling_{edge}"]
        raw = np.where(part == i, (end.location + end.scale * raw - mean) / sd, raw)
    return raw


def _free(law: Any) -> dict[str, tuple[int, ...]]:
    """Return name and shape of everything a law draws, found without drawing."""
    shapes: dict[str, tuple[int, ...]] = {}

    def look(key: jax.Array) -> None:
        sites = trace(seeded(law, key)).get_trace().items()
        shapes.update({k: jnp.shape(s["value"]) for k, s in sites if s["type"] == "sample" and not s["is_observed"]})

    jax.eval_shape(look, jax.random.key(0))
    return shapes


def _value(name: str, value: Any, shapes: Mapping[str, tuple[int, ...]]) -> np.ndarray:
    known = [n for n in shapes if not n.endswith("_raw")]
    if name not in known:
        raise InputError(
            f"expected quantities of this model to fix ({', '.join(known)}), got {name!r}{did_you_mean(name, known)}: "
            "rename or remove it"
        )
    try:
        given = np.maximum(np.asarray(value, float), TINY) if name.endswith("_sd") else np.asarray(value, float)
        return np.broadcast_to(given, shapes[name])
    except (TypeError, ValueError) as error:
        many = f"a number or {shapes[name][0]} numbers" if shapes[name] else "a number"
        raise InputError(f"expected {many} to fix {name} at, got {value!r}: correct it") from error


def natural_parameters(found: Mapping[str, np.ndarray], arranged: Design) -> dict[str, np.ndarray]:
    """Return the parameters of every curve, each (draw, curve), from draws of a law."""
    params = {name: found[name] for name in PARAMS if name in found}
    return params | {"floor": params["floor"][:, arranged.task]}
