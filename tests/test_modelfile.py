"""Model files: all shipped ones are whole, a file inherits only what it needs, and mistakes are explained."""

import tomllib

import pytest
from conftest import ROOT

from emergelaw import modelfile, shipped
from emergelaw.curves import CURVES
from emergelaw.errors import InputError
from emergelaw.likelihoods import LIKELIHOODS

SHIPPED = sorted(shipped.folder("models").glob("*.toml"))
TRAJECTORY = modelfile.load(shipped.find_model("trajectory"))
CHILD = 'extends = "trajectory"\nname = "mine"\ndescription = "mine"\n'
PRIOR = '[priors.{}]\ndistribution = "{}"\nscale = 0.5\nbelief = "Half of the default, for a test."\n'


def written(folder, text, name="mine.toml"):
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_files_are_named_after_their_models_and_state_every_belief(path):
    model = modelfile.load(path)
    assert model.name == path.stem
    assert all(prior.belief.endswith(".") for prior in model.priors.values())


def test_every_curve_and_likelihood_is_shipped():
    models = [modelfile.load(path) for path in SHIPPED]
    assert {m.curve for m in models} == set(CURVES) == set(modelfile.CURVE_NAMES)
    assert {m.likelihood for m in models} == set(LIKELIHOODS) == set(modelfile.LIKELIHOOD_NAMES)
    assert any(m.decline for m in models)


def test_the_readme_names_all_models_and_its_example_is_one(tmp_path):
    text = (ROOT / "README.md").read_text()
    table = text.partition("| `--model` |")[2].partition("\n\n")[0]
    named = {
        name
        for line in table.splitlines()[1:]
        for name in line.split("|")[1].replace("`", " ").replace(",", " ").split()
    }
    assert named - {"---"} == {path.stem for path in SHIPPED}
    example = text.partition("```toml\n")[2].partition("```")[0]
    model = modelfile.load(written(tmp_path, example))
    assert model.terms("onset") == ["task", "size", "model"]
    assert model.priors["onset_model_sd"].scale == 0.03


def test_what_is_not_said_is_inherited(tmp_path):
    model = modelfile.load(written(tmp_path, CHILD + 'axis = "steps"\n'))
    assert model == TRAJECTORY.model_copy(update={"name": "mine", "description": "mine", "axis": "steps"})


def test_what_is_not_needed_is_not_inherited(tmp_path):
    text = CHILD + 'likelihood = "binomial"\n[pooling]\nonset = "task"\n'
    model = modelfile.load(written(tmp_path, text))
    assert "dispersion" not in model.pooling
    assert sorted(p for p in model.priors if p.startswith(("onset", "dispersion"))) == ["onset_mean", "onset_task_sd"]


def test_a_prior_is_replaced_as_a_whole(tmp_path):
    model = modelfile.load(written(tmp_path, CHILD + PRIOR.format("onset_mean", "normal")))
    assert model.priors["onset_mean"].location == 0.0 != TRAJECTORY.priors["onset_mean"].location
    assert {k: v for k, v in model.priors.items() if k != "onset_mean"} == {
        k: v for k, v in TRAJECTORY.priors.items() if k != "onset_mean"
    }


def test_a_file_may_extend_one_beside_it(tmp_path):
    written(tmp_path, CHILD + "flat_below = 0.1\n", "base.toml")
    text = 'extends = "base.toml"\nname = "second"\ndescription = "second"\ncurve = "elbow"\n'
    model = modelfile.load(written(tmp_path, text))
    assert (model.name, model.flat_below, model.curve) == ("second", 0.1, "elbow")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'extends = "trajectroy"\n',
            r"got 'trajectroy' \(did you mean 'trajectory'\?\).*line `extends` of .*mine\.toml",
        ),
        ("extends = 3\n", r"expected extends in .*mine\.toml to name a model file, got 3"),
        ('extends = "mine.toml"\n', r"extend no file which extends them, got mine\.toml → mine\.toml: remove one"),
        (
            'extends = "trajectory"\ndescription = "no name"\n',
            r"expected 'name' in .*mine\.toml, got nothing of that name: add it",
        ),
        (CHILD + PRIOR.format("onset_maen", "normal"), r"got 'onset_maen' \(did you mean 'onset_mean'\?\): remove it"),
        (CHILD + PRIOR.format("shape_mean", "normal"), r"got 'shape_mean'.*: remove it"),
        (CHILD + 'curve = "richards"\n', r"expected pooling lines for shape in .*, got none: add them"),
        (CHILD + '[pooling]\nonset = "task + modle"\n', r"got 'modle' \(did you mean 'model'\?\)"),
        (CHILD + "pooling = 3\n", r"expected a valid 'pooling' in .*mine\.toml, got 3"),
        ('extend = "trajectory"\n' + CHILD.partition("\n")[2], r"got 'extend' \(did you mean 'extends'\?\)"),
        (CHILD + "flat_below = 2\n", r"expected a valid 'flat_below' in .*, got 2"),
        ("name = [", r"expected a TOML model file at .*mine\.toml, could not read it"),
    ],
)
def test_mistakes_are_explained(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        modelfile.load(written(tmp_path, text))


def test_circles_are_named(tmp_path):
    first = written(tmp_path, 'extends = "b.toml"\n', "a.toml")
    written(tmp_path, 'extends = "a.toml"\n', "b.toml")
    with pytest.raises(InputError, match=r"got a\.toml → b\.toml → a\.toml"):
        modelfile.load(first)


def test_extending_changes_neither_file():
    base = tomllib.loads(shipped.find_model("trajectory").read_text())
    before = repr(base)
    modelfile.extended(base, {"likelihood": "binomial"})
    assert repr(base) == before
