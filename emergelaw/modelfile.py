"""Model files: models/*.toml declare curve, pooling, likelihood and every prior with its sentence of belief.

A file may say `extends = "trajectory"` (a shipped name, or a file beside it) and only what it changes. It inherits the
pooling lines and priors that its own curve and likelihood need; a prior is inherited or replaced as a whole, so that
no changed scale stands beside the belief of another.
"""

import tomllib
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emergelaw import shipped
from emergelaw.errors import InputError, did_you_mean

CurveName = Literal["logistic", "gompertz", "weibull", "richards", "elbow"]
LikelihoodName = Literal["dispersed", "binomial", "beta-binomial"]
CURVE_NAMES, LIKELIHOOD_NAMES = get_args(CurveName), get_args(LikelihoodName)
PARAMETERS = ("onset", "ceiling", "width", "dispersion", "shape", "drop", "lag")
TERMS = ("task", "size", "family", "model", "curve")


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Prior(Strict):
    """One prior: a distribution and the belief it stands for."""

    distribution: Literal["normal", "half-normal"]
    location: float = 0.0
    scale: float = Field(gt=0)
    belief: str = Field(min_length=10)

    def __str__(self) -> str:
        if self.distribution == "half-normal":
            return f"HalfNormal({self.scale:g})"
        return f"Normal({self.location:g}, {self.scale:g})"


class ModelFile(Strict):
    """A statistical model of emergence."""

    name: str
    description: str
    law: Literal["trajectory"]
    curve: CurveName
    likelihood: LikelihoodName
    axis: Literal["tokens", "flops", "steps", "loss"] = "tokens"
    decline: bool = False
    flat_below: float = Field(0.03, gt=0, lt=1)
    pooling: dict[str, str]
    priors: dict[str, Prior]

    def terms(self, parameter: str) -> list[str]:
        """Return what a parameter varies with, such as ['task', 'size']."""
        return _terms(self.pooling[parameter])


def parameters_of(curve: str, likelihood: str, decline: bool) -> list[str]:
    """Return the parameters that need a pooling line."""
    dispersion = [] if likelihood == "binomial" else ["dispersion"]
    shape = ["shape"] if curve == "richards" else []
    return ["onset", "ceiling", "width", *dispersion, *shape, *(["drop", "lag"] if decline else [])]


def priors_of(parameter: str, terms: list[str]) -> list[str]:
    """Return the names of the priors that a parameter with these terms needs."""
    slope = [f"{parameter}_size_mean", f"{parameter}_size_sd"] if "size" in terms else []
    edges = ["flat", "mastered"] if parameter == "ceiling" and "task" in terms else []
    ends = [name for edge in edges for name in (f"ceiling_{edge}", f"ceiling_{edge}_odds")]
    return [f"{parameter}_mean", *slope, *(f"{parameter}_{t}_sd" for t in terms if t != "size"), *ends]


def load(path: Path) -> ModelFile:
    """Read and check one model file, with what it extends."""
    return parse(_content(path, ()), str(path))


def _content(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    """Return what a file says, on top of what the file it extends says."""
    if path.resolve() in seen:
        circle = " → ".join(p.name for p in (*seen, path))
        raise InputError(
            f"expected model files that extend no file which extends them, got {circle}: remove one `extends`"
        )
    try:
        own = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f"expected a TOML model file at {path}, could not read it ({error}): correct the file"
        ) from error
    if "extends" not in own:
        return own
    base = _base(own.pop("extends"), path)
    return extended(_content(base, (*seen, path.resolve())), own)


def _base(name: Any, path: Path) -> Path:
    if not isinstance(name, str) or not name:
        raise InputError(f'expected extends in {path} to name a model file, got {name!r}: write extends = "trajectory"')
    beside = path.parent / name
    try:
        return beside if beside.is_file() else shipped.find_model(name)
    except InputError as error:
        raise InputError(f"{error} (in the line `extends` of {path})") from error


def extended(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return a file in full: its own lines, and those of its base that it needs and does not replace."""
    joined = {k: v for k, v in base.items() if k not in ("name", "description")} | own
    if not all(isinstance(c.get(t, {}), dict) for c in (base, own) for t in ("pooling", "priors")):
        return joined  # not tables: the check of the whole file says so
    parameters = parameters_of(str(joined.get("curve")), str(joined.get("likelihood")), joined.get("decline") is True)
    lines = {k: v for k, v in base.get("pooling", {}).items() if k in parameters} | own.get("pooling", {})
    needed = {"floor_sd"} | {p for name, line in lines.items() for p in priors_of(name, _terms(str(line)))}
    priors = {k: v for k, v in base.get("priors", {}).items() if k in needed} | own.get("priors", {})
    return joined | {"pooling": lines, "priors": priors}


def _terms(line: str) -> list[str]:
    return [term.strip() for term in line.split("+") if term.strip()]


def parse(content: dict, where: str) -> ModelFile:
    """Check the content of a model file; `where` names it in errors."""
    try:
        model = ModelFile.model_validate(content)
    except ValidationError as error:
        raise InputError(_sentence(error, where)) from error
    _check_names(model, where)
    return model


def _sentence(error: ValidationError, where: str) -> str:
    """Turn the first complaint of pydantic into one sentence."""
    complaints = error.errors()
    first = next((e for e in complaints if e["type"] == "extra_forbidden"), complaints[0])
    place = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        known = [*Prior.model_fields] if place.startswith("priors.") else ["extends", *ModelFile.model_fields]
        near = did_you_mean(str(first["loc"][-1]), known)
        return f"expected keys among {', '.join(known)} in {where}, got {place!r}{near}: rename or remove it"
    if first["type"] == "missing":
        return f"expected {place!r} in {where}, got nothing of that name: add it"
    return f"expected a valid {place!r} in {where}, got {first['input']!r} ({first['msg'].lower()}): correct it"


def _check_names(model: ModelFile, where: str) -> None:
    parameters = parameters_of(model.curve, model.likelihood, model.decline)
    _same("pooling lines", set(parameters), set(model.pooling), where)
    for parameter in parameters:
        for term in model.terms(parameter):
            if term not in TERMS:
                raise InputError(
                    f"expected pooling terms among {', '.join(TERMS)} for {parameter} in {where}, got {term!r}"
                    f"{did_you_mean(term, TERMS)}: correct the line"
                )
    needed = {"floor_sd"} | {p for parameter in parameters for p in priors_of(parameter, model.terms(parameter))}
    _same("priors", needed, set(model.priors), where)
    for name, prior in model.priors.items():
        if (prior.distribution == "half-normal") != name.endswith("_sd"):
            raise InputError(
                f"expected a half-normal for every *_sd and a normal for every other prior in {where}, got "
                f"{prior.distribution} for {name}: change the distribution"
            )


def _same(what: str, needed: set[str], given: set[str], where: str) -> None:
    if extra := sorted(given - needed):
        raise InputError(
            f"expected {what} {', '.join(sorted(needed))} in {where}, got {extra[0]!r}"
            f"{did_you_mean(extra[0], needed)}: remove it"
        )
    if missing := sorted(needed - given):
        raise InputError(f"expected {what} for {', '.join(missing)} in {where}, got none: add them")
