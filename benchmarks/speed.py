"""How long does the same posterior take with this project, with plain NumPyro, and with PyMC + nutpie?

nutpie has an environment of its own, made once by:
  python -m venv .venv-pymc && .venv-pymc/bin/pip install pymc nutpie
  python benchmarks/speed.py [--sets pythia-core] [--engines emergelaw,numpyro,nutpie]
"""

import argparse
import json
import subprocess
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import speed_jax
from isolated import cold_caches, isolated
from published import DATA_ROOT
from results_table import RESULTS, command, measured_with, merge

from emergelaw.diagnostics import rhat_and_ess
from emergelaw.errors import InputError
from emergelaw.sampling import GOAL_ESS, GOAL_RHAT, HIDDEN

ROOT = Path(__file__).resolve().parent.parent
KEY = ("data set", "seed", "engine")
POINTS = 3  # at which the densities of the law and of the PyMC model must agree
NOTES = """The same law, data and priors (models/trajectory.toml), four chains side by side, cold caches. `emergelaw`:
as in `emergelaw fit`, until r-hat ≤ 1.01 and bulk ESS ≥ 400. `numpyro`: NUTS with its defaults, everything non-centred.
`nutpie`: the same non-centred model written in PyMC, whose log density is checked against the law's before sampling.
The fixed lengths of the latter two are in the command. r-hat and ESS: worst over floors, effects, hyper-parameters and
the parameters of every curve, computed alike for all three. `gradients` count all chains, warm-up and the search for
starting points. `run s`: all but compilation. `s per 400 ESS` and `gradients per 400 ESS` scale run and gradients to a
minimum bulk ESS of 400; where r-hat is above 1.01 they mean nothing, since the chains have not found the same
posterior."""


def problem(name: str, root: Path, settings: dict[str, int], path: Path) -> None:
    """Write the arrays, priors and reference densities that the PyMC model needs."""
    from numpyro.infer.util import log_density

    from emergelaw.modelfile import parameters_of
    from emergelaw.prior import draw

    law = speed_jax.law_of(name, root)
    d, model = law.design, law.model
    if (model.curve, model.likelihood, model.decline) != ("gompertz", "dispersed", False):
        raise InputError(f"expected the Gompertz curve with dispersed counts, got {model.curve}, {model.likelihood}")
    sites = draw(law, settings["seed"], POINTS)
    points = [{site: values[i] for site, values in sites.items()} for i in range(POINTS)]
    told = {
        **settings,
        "span": d.span,
        "many_tasks": d.levels["task"],
        "terms": {
            name: [t for t in model.terms(name) if d.levels[t]]
            for name in parameters_of("gompertz", "dispersed", False)
        },
        "priors": {name: prior.model_dump() for name, prior in model.priors.items()},
        "log_density": [float(log_density(law, (), {}, point)[0]) for point in points],
        "points": [{site: np.asarray(v).tolist() for site, v in point.items()} for point in points],
    }
    arrays = {name: value for name, value in asdict(d).items() if isinstance(value, np.ndarray)}
    np.savez(path, told=json.dumps(told), **arrays)


def nutpie(name: str, root: Path, settings: dict[str, int], python: Path) -> dict[str, object]:
    """Sample the PyMC model in its own environment."""
    if not python.is_file():
        raise InputError(
            f"expected a Python with PyMC and nutpie at {python}, found none: "
            "make it as speed.py says, or name it with --pymc-python"
        )
    with tempfile.TemporaryDirectory() as folder:
        asked, answer = Path(folder, "problem.npz"), Path(folder, "result.npz")
        isolated(problem, name, root, settings, asked)
        subprocess.run([python, ROOT / "benchmarks" / "speed_pymc.py", asked, answer], check=True)
        held = dict(np.load(answer))
    numbers, versions = json.loads(str(held.pop("numbers"))), str(held.pop("versions"))
    kept = {site: v for site, v in held.items() if not site.endswith((*HIDDEN, "__"))}  # nothing standardised
    return {"draws": kept, "versions": versions, **numbers}


def row(measured: dict) -> dict[str, object]:
    """Return what the table shows of one engine."""
    flat = np.concatenate([v.reshape(*v.shape[:2], -1) for v in measured["draws"].values()], axis=-1)
    rhat, ess = (values(one) for values, one in zip((np.max, np.min), rhat_and_ess(flat), strict=True))
    run, gradients = measured["run"], measured["gradients"]
    return {
        "quantities": flat.shape[-1],
        "draws": int(np.prod(flat.shape[:2])),
        "max r-hat": f"{rhat:.3f}" + ("" if rhat <= GOAL_RHAT else " (not converged)"),
        "min bulk ESS": round(float(ess)),
        "divergences": measured["divergences"],
        "gradients": gradients,
        "compile s": round(measured["compile"], 1),
        "run s": round(run, 1),
        "end to end s": round(measured["compile"] + run, 1),
        "s per 400 ESS": round(run * GOAL_ESS / ess, 1),
        "gradients per 400 ESS": round(gradients * GOAL_ESS / ess),
    }


def measure(name: str, engine: str, options: argparse.Namespace) -> dict[str, object]:
    settings = {key: getattr(options, key) for key in ("seed", "chains", "warmup", "draws")}
    if engine == "nutpie":
        return nutpie(name, options.data_root, settings, options.pymc_python)
    sampler = {"emergelaw": speed_jax.emergelaw, "numpyro": speed_jax.noncentred}[engine]
    with cold_caches():
        return isolated(sampler, name, options.data_root, settings, minutes=24 * 60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT)
    parser.add_argument("--sets", default="pythia-core")
    parser.add_argument("--engines", default="emergelaw,numpyro,nutpie")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--warmup", type=int, default=1000, help="of numpyro and nutpie")
    parser.add_argument("--draws", type=int, default=1000, help="of numpyro and nutpie")
    parser.add_argument("--pymc-python", type=Path, default=ROOT / ".venv-pymc" / "bin" / "python")
    parser.add_argument("--out", type=Path, default=RESULTS / "speed.md")
    options = parser.parse_args()
    for name in options.sets.split(","):
        for engine in options.engines.split(","):
            measured = measure(name, engine, options)
            label = engine + (f" ({measured['versions']})" if "versions" in measured else "")
            how = command(
                __file__, sets=name, engines=engine, seed=options.seed, warmup=options.warmup, draws=options.draws
            )
            rows = [{"data set": name, "seed": options.seed, "engine": label, **row(measured), "command": how}]
            print(merge(options.out, rows, KEY, "Speed on the same posterior", NOTES, measured_with()))


if __name__ == "__main__":
    main()
