"""What one model file must say: names follow from one another, and every wrong value is named with its place."""

import copy
import tomllib

import pytest

from emergelaw import modelfile, shipped
from emergelaw.errors import InputError
from emergelaw.modelfile import Prior, parameters_of, parse, priors_of


@pytest.fixture
def content():
    return copy.deepcopy(tomllib.loads(shipped.find_model("trajectory").read_text()))


def complaint(content):
    with pytest.raises(InputError) as caught:
        parse(content, "my.toml")
    return str(caught.value)


def test_parameters_follow_from_curve_likelihood_and_decline():
    assert parameters_of("gompertz", "binomial", False) == ["onset", "ceiling", "width"]
    everything = ["onset", "ceiling", "width", "dispersion", "shape", "drop", "lag"]
    assert parameters_of("richards", "dispersed", True) == everything


def test_priors_follow_from_the_terms():
    assert priors_of("width", []) == ["width_mean"]
    assert priors_of("onset", ["task", "size"]) == ["onset_mean", "onset_size_mean", "onset_size_sd", "onset_task_sd"]


def test_terms_are_read_from_the_pooling_line(content):
    content["pooling"] |= {"width": "  task ", "dispersion": ""}
    del content["priors"]["dispersion_task_sd"]
    model = parse(content, "my.toml")
    assert model.terms("onset") == ["task", "size", "family", "model", "curve"]
    assert model.terms("width") == ["task"] and model.terms("dispersion") == []


def test_a_prior_says_what_it_is():
    belief = "Long enough a belief."
    assert str(Prior(distribution="normal", location=0.5, scale=0.25, belief=belief)) == "Normal(0.5, 0.25)"
    assert str(Prior(distribution="half-normal", scale=2, belief=belief)) == "HalfNormal(2)"


def test_an_unknown_key_gets_a_suggestion(content):
    content["likelyhood"] = "dispersed"
    assert "in my.toml, got 'likelyhood' (did you mean 'likelihood'?): rename or remove it" in complaint(content)


def test_an_unknown_key_of_a_prior_gets_a_suggestion(content):
    content["priors"]["onset_mean"]["scales"] = 1
    text = complaint(content)
    assert "expected keys among distribution, location, scale, belief in my.toml" in text
    assert "got 'priors.onset_mean.scales' (did you mean 'scale'?)" in text


@pytest.mark.parametrize(
    ("table", "what", "name"), [("priors", "priors", "width_mean"), ("pooling", "pooling lines", "width")]
)
def test_what_is_missing_is_named(content, table, what, name):
    del content[table][name]
    assert complaint(content) == f"expected {what} for {name} in my.toml, got none: add them"


def test_an_unknown_pooling_line_gets_a_suggestion(content):
    content["pooling"]["onsets"] = "task"
    text = complaint(content)
    assert (
        "expected pooling lines ceiling, dispersion, onset, width in my.toml, got 'onsets' (did you mean 'onset'?)"
        in text
    )


def test_an_unknown_pooling_term_says_what_there_is(content):
    content["pooling"]["width"] = "task + modle"
    assert "expected pooling terms among task, size, family, model, curve for width in my.toml" in complaint(content)


@pytest.mark.parametrize(("name", "wrong"), [("onset_mean", "half-normal"), ("onset_task_sd", "normal")])
def test_a_prior_of_the_wrong_kind_is_named(content, name, wrong):
    content["priors"][name]["distribution"] = wrong
    assert f"in my.toml, got {wrong} for {name}: change the distribution" in complaint(content)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("curve",), "gompert"),
        (("likelihood",), "poisson"),
        (("law",), "trajectories"),
        (("axis",), "time"),
        (("flat_below",), 0),
        (("priors", "onset_mean", "scale"), -1),
        (("priors", "onset_mean", "distribution"), "cauchy"),
        (("priors", "onset_mean", "belief"), "yes"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(content, keys, value):
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    assert complaint(content).startswith(f"expected a valid '{'.'.join(keys)}' in my.toml, got {value!r} (")


def test_a_prior_without_belief_is_refused(content):
    del content["priors"]["onset_mean"]["belief"]
    assert complaint(content) == "expected 'priors.onset_mean.belief' in my.toml, got nothing of that name: add it"


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path):
    path = tmp_path / "model.toml"
    with pytest.raises(InputError, match=r"expected a TOML model file at .*model.toml, could not read it \(.*No such"):
        modelfile.load(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"could not read it \('utf-8' codec.*: correct the file"):
        modelfile.load(path)
