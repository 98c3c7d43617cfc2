"""What an installation consists of: documented, pinned for both Pythons, without torch, with the shipped files."""

import importlib
import inspect
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import emergelaw

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
CORE = [Requirement(line) for line in PROJECT["dependencies"]]
PINNED = CORE + [Requirement(line) for extra, lines in EXTRAS.items() if extra != "eval" for line in lines]


def constraints(python):
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    here = [pin for pin in pins if pin.marker is None or pin.marker.evaluate({"python_version": python})]
    assert len({pin.name for pin in here}) == len(here), "a package is pinned twice"
    return {canonicalize_name(pin.name): next(iter(pin.specifier)) for pin in here}


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_every_dependency_is_pinned_within_its_range(python):
    pins = constraints(python)
    for requirement in PINNED:
        pin = pins[canonicalize_name(requirement.name)]
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version), f"{requirement} excludes its pin {pin}"


def test_the_core_needs_no_torch():
    assert not {r.name for r in CORE} & {"torch", "transformers", "ray"}
    assert not {name for name in constraints("3.11") if name.startswith("torch")}


def test_every_dependency_has_its_reason():
    table = (ROOT / "docs" / "dependencies.md").read_text()
    reasons = {line.split("`")[1] for line in table.splitlines() if line.startswith("| `")}
    assert reasons == {r.name for r in CORE} | {Requirement(line).name for lines in EXTRAS.values() for line in lines}


@pytest.mark.parametrize("verb", ["open", "fit", "simulate"])
def test_verbs_stay_functions_when_modules_of_their_names_are_imported(verb):
    home = importlib.import_module(f"emergelaw.{emergelaw._HOMES[verb]}")
    assert inspect.isfunction(getattr(emergelaw, verb))
    assert getattr(emergelaw, verb) is getattr(home, verb)


def test_other_names_are_refused():
    with pytest.raises(AttributeError, match="no attribute 'frobnicate'"):
        emergelaw.frobnicate  # noqa: B018


@pytest.mark.slow
def test_the_wheel_carries_models_and_data(tmp_path):
    subprocess.run([sys.executable, "-m", "build", "--outdir", tmp_path, ROOT], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    models = [f for f in tracked if f.startswith("models/") and f.endswith(".toml")]
    data = [f for f in tracked if f.startswith("data/") and f.endswith((".nc", ".md"))]
    assert data
    assert {f"emergelaw/_shipped/{f}" for f in models + data} <= names
    assert {f for f in tracked if f.startswith("emergelaw/") and f.endswith(".py")} <= names
    assert {name.split("/")[0] for name in names} == {
        "emergelaw",
        next(n for n in names if "dist-info" in n).split("/")[0],
    }
