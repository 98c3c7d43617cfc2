"""The obvious non-centred trajectory model in PyMC, sampled by nutpie. Runs in an environment of its own; see speed.py.

python benchmarks/speed_pymc.py PROBLEM.npz RESULT.npz
"""

import json
import sys
import time
from typing import Any

import numpy as np
import nutpie
import pymc as pm
import pytensor.tensor as pt

LN2, GOMPERTZ_RATE = np.log(2.0), np.log(np.log(10.0) / np.log(10.0 / 9.0))
LOGISTIC_SD, OUTLIER, EDGE = np.pi / np.sqrt(3.0), 1e-3, 1e-6


def prior(told: dict, name: str) -> Any:
    one = told["priors"][name]
    if one["distribution"] == "normal":
        return pm.Normal(name, one["location"], one["scale"])
    return pm.HalfNormal(name, one["scale"])


def effect(told: dict, name: str, loc: Any, unit: float, size: int) -> Any:
    raw = pm.Normal(f"{name}_raw", 0.0, 1.0, shape=size)
    return pm.Deterministic(name, loc + unit * prior(told, f"{name.removesuffix('_free')}_sd") * raw)


def offsets(told: dict, name: str, within: np.ndarray) -> Any:
    """Return effects of levels as differences from the mean of their group."""
    free = effect(told, f"{name}_free", 0.0, 1.0, len(within))
    same = within[:, None] == within
    return pm.Deterministic(name, free - pt.dot(same / same.sum(1, keepdims=True), free))


def ceilings(told: dict, partial: Any, size: int) -> Any:
    """Return the ceiling of every task: a partial rise, flat or mastered."""
    scale, odds, loc, sd = prior(told, "ceiling_task_sd"), [0.0], [0.0], [1.0]
    for edge in ("flat", "mastered"):
        end = told["priors"][f"ceiling_{edge}"]
        loc, sd = [*loc, (end["location"] - partial) / scale], [*sd, end["scale"] / scale]
        odds = [*odds, prior(told, f"ceiling_{edge}_odds")]
    weights = pm.math.softmax(pt.stack(odds))
    raw = pm.NormalMixture("ceiling_task_raw", weights, pt.stack(loc), pt.stack(sd), shape=size)
    return pm.Deterministic("ceiling_task", partial + scale * raw)


def parameter(told: dict, data: dict, name: str) -> Any:
    """Return one parameter of every curve as mean plus effects."""
    low, high = told["span"]
    shift, unit = {"onset": (low, high - low), "width": (np.log((high - low) / 4), 1.0)}.get(name, (0.0, 1.0))
    task, model, family, terms = data["task"], data["model"], data["family"], told["terms"][name]
    total = shift + unit * prior(told, f"{name}_mean")
    if "task" in terms:
        size = len(data["chance"])
        tasks = ceilings(told, total, size) if name == "ceiling" else effect(told, f"{name}_task", total, unit, size)
        total = tasks[task]
    if "size" in terms:
        slope = prior(told, f"{name}_size_mean")
        slope = effect(told, f"{name}_size", slope, 1.0, len(data["chance"]))[task] if told["many_tasks"] else slope
        total = total + slope * data["size"][model]
    if "family" in terms:
        total = total + offsets(told, f"{name}_family", np.zeros(family.max() + 1, int))[family[model]]
    if "model" in terms:
        within = family if "family" in terms else np.zeros(len(family), int)
        total = total + offsets(told, f"{name}_model", within)[model]
    if "curve" in terms:
        total = effect(told, f"{name}_curve", total, 1.0, len(task))
    return total + pt.zeros(len(task))


def dispersed(k: np.ndarray, n: np.ndarray, p: Any, dispersion: Any) -> Any:
    """Return the log probability of a logistic variable rounded to a count, with its share of outliers."""
    s = pt.sqrt(dispersion * n * p * (1 - p)) / LOGISTIC_SD
    away, half, inside = pt.abs(k - n * p) / s, 0.5 / s, (k > 0) & (k < n)
    far = pt.exp(-pt.abs(away - half))
    tail, core = pt.switch(away > half, 1.0, far), pt.switch(away > half, far, 1.0)
    x, y = (pt.switch(inside, pt.exp(-2 * v), 0.0) for v in (away, half))
    return pt.log((1 - OUTLIER) * core * (1 - y) / (tail * (1 + x) + core * (1 + y)) + OUTLIER / (n + 1))


def build(told: dict, data: dict) -> pm.Model:
    """Return the model of laws/trajectory.py with the Gompertz curve and the dispersed likelihood."""
    with pm.Model() as model:
        scale = told["priors"]["floor_sd"]["scale"]
        floor = pm.TruncatedNormal("floor", data["chance"], scale, lower=0.0, upper=1.0, shape=len(data["chance"]))
        free = {name: parameter(told, data, name) for name in told["terms"]}
        low = floor[data["task"]]
        params = {"onset": free["onset"], "width": pt.exp(free["width"]), "dispersion": pt.exp(free["dispersion"])}
        params["ceiling"] = low + (1 - low) * pm.math.sigmoid(free["ceiling"])
        params = {name: pm.Deterministic(name, value)[:, None] for name, value in params.items()}
        u = (data["x"] - params["onset"]) / params["width"]
        risen = pt.exp(-LN2 * pt.exp(pt.clip(-GOMPERTZ_RATE * u, -60.0, 60.0)))
        p = low[:, None] + (params["ceiling"] - low[:, None]) * pt.switch(data["untrained"], 0.0, risen)
        log_prob = dispersed(data["k"], data["n"], pt.clip(p, EDGE, 1 - EDGE), params["dispersion"])
        pm.Potential("log_likelihood", pt.switch(data["measured"], log_prob, 0.0).sum())
    return model


def check(model: pm.Model, told: dict) -> None:
    """Refuse to measure another density than the one the other engines sample."""
    names = {rv.name: (value.name, model.rvs_to_transforms[rv], rv) for rv, value in model.rvs_to_values.items()}
    log_prob = model.compile_logp(jacobian=False)
    for point, wanted in zip(told["points"], told["log_density"], strict=True):
        values = {}
        for name, (at, transform, rv) in names.items():
            value = np.asarray(point[name], float)
            values[at] = value if transform is None else transform.forward(value, *rv.owner.inputs).eval()
        found = float(log_prob(values))
        if not np.isclose(found, wanted, rtol=1e-8, atol=1e-6):
            raise ValueError(f"expected the log density {wanted} of the law, got {found} from PyMC: the models differ")


def main(problem: str, result: str) -> None:
    held = dict(np.load(problem))
    told = json.loads(str(held.pop("told")))
    model = build(told, held)
    check(model, told)
    began = time.perf_counter()
    compiled = nutpie.compile_pymc_model(model)
    built = time.perf_counter()
    trace = nutpie.sample(
        compiled, draws=told["draws"], tune=told["warmup"], chains=told["chains"], seed=told["seed"], progress_bar=False
    )
    ended = time.perf_counter()
    stats = [trace["sample_stats"], trace["warmup_sample_stats"]]
    gradients = sum(int(one["n_steps"].sum()) for one in stats)
    numbers = {
        "compile": built - began,
        "run": ended - built,
        "gradients": gradients,
        "divergences": int(stats[0]["diverging"].sum()),
    }
    draws = {str(name): trace["posterior"][name].values for name in trace["posterior"].data_vars}
    versions = f"PyMC {pm.__version__} + nutpie {nutpie.__version__}"
    np.savez(result, numbers=json.dumps(numbers), versions=versions, **draws)


if __name__ == "__main__":
    main(*sys.argv[1:])
