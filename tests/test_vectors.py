"""Function vectors live beside the counts, per model and of any width, and are checked on the way in and out."""

import numpy as np
import pytest
import xarray as xr
from random_data import grid, some_vectors

from emergelaw import dataset, vectors
from emergelaw.errors import InputError

DS = grid(np.full((2, 3, 4), 5), models=["org/a", "org/b"])


def test_written_and_read_is_the_identity_and_leaves_the_counts_alone(tmp_path):
    made = some_vectors(DS)
    path = dataset.save(DS, tmp_path / "a.nc", made)
    read = vectors.open(path)
    assert dataset.open(path).identical(DS)
    assert list(read) == ["org/a", "org/b"] and read["org/b"].sizes["width_hidden"] == 4
    for model, group in made.items():
        for name in ("hidden", "heads", "gram_heads", "layer_hidden"):
            np.testing.assert_array_equal(read[model][name].values, group[name].values)
        assert read[model]["hidden"].dtype == np.float32
    dataset.save(dataset.open(path), tmp_path / "b.nc", read)
    assert (tmp_path / "b.nc").read_bytes() == path.read_bytes()
    dataset.save(DS, tmp_path / "c.nc", dict(reversed(made.items())))
    assert (tmp_path / "c.nc").read_bytes() == path.read_bytes()


def test_the_file_is_one_data_tree(tmp_path):
    path = dataset.save(DS, tmp_path / "a.nc", some_vectors(DS))
    with xr.open_datatree(path, engine="h5netcdf") as tree:
        assert tree["vectors/m1"].attrs["model"] == "org/b" and "n_correct" in tree


def test_tasks_without_vectors_are_nan(tmp_path):
    some = {"org/a": some_vectors(DS)["org/a"].isel(task=[2, 0], other=[2, 0])}
    read = vectors.open(dataset.save(DS, tmp_path / "a.nc", some))["org/a"]
    assert read["task"].values.tolist() == ["t0", "t1", "t2", "t3"]
    np.testing.assert_array_equal(read["hidden"].sel(task="t2").values, some["org/a"]["hidden"].sel(task="t2").values)
    assert read["hidden"].isnull().all("width_hidden").values.all(0).tolist() == [False, True, False, True]


def test_grams_against_an_independent_cosine():
    group = some_vectors(DS)["org/a"]
    u, v = group["hidden"].values[1, 0].astype(float), group["hidden"].values[1, 3].astype(float)
    cosine = sum(u * v) / np.sqrt(sum(u * u) * sum(v * v))
    assert group["gram_hidden"].sel(task="t0", other="t3").values[1] == pytest.approx(cosine)
    plain = vectors.with_grams(group, normalised=False)
    assert plain["gram_hidden"].values[1, 0, 3] == pytest.approx(sum(u * v))


def test_a_gram_matrix_alone_is_enough(tmp_path):
    only = {"org/a": some_vectors(DS)["org/a"][["gram_hidden"]]}
    assert vectors.open(dataset.save(DS, tmp_path / "a.nc", only))["org/a"]["gram_hidden"].shape == (3, 4, 4)


def spoiled(name, index, value):
    group = some_vectors(DS)["org/a"].copy(deep=True)
    group[name].values[index] = value
    return {"org/a": group}


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (
            {"org/c": some_vectors(DS)["org/a"]},
            r"expected vectors of a model of the data set, got 'org/c' \(did you mean",
        ),
        (
            {"org/a": some_vectors(DS)["org/a"].assign_coords(task=[*"wxyz"], other=[*"wxyz"])},
            "expected vectors of tasks of the data set, got 'w' for model 'org/a'",
        ),
        (
            {"org/a": some_vectors(DS)["org/a"].assign_coords(fv_checkpoint=[0, 1, 7])},
            "expected fv_checkpoint of model 'org/a' to be one of its 3 checkpoints, got 7",
        ),
        (
            {"org/a": some_vectors(DS)["org/a"].drop_vars("fv_checkpoint")},
            "expected coordinates task and fv_checkpoint",
        ),
        (
            spoiled("hidden", (1, 2, 0), np.inf),
            r"got 1 of 3 entries not finite at model 'org/a', checkpoint 1, task 't2'",
        ),
        (
            spoiled("hidden", (1, 2, 0), np.nan),
            r"got 1 of 3 entries not finite at model 'org/a', checkpoint 1, task 't2'",
        ),
        (spoiled("heads", (0, 3), 0.0), "expected a finite, non-zero vector 'heads' or none at all, got only zeros at"),
        (spoiled("gram_heads", (1, 0, 2), 0.123), "expected gram_heads to be symmetric, got 0.123 and .* task 't2' at"),
        (spoiled("gram_heads", (1, 2, 2), 0.9), "expected gram_heads to have diagonal 1, got 0.9 at .*, task 't2'"),
        (
            {"org/a": some_vectors(DS)["org/a"][["gram_heads"]].assign_coords(other=["t1", "t0", "t2", "t3"])},
            "expected gram_heads of model 'org/a' over the same tasks twice",
        ),
        ({"org/a": some_vectors(DS)["org/a"][["layer_hidden"]]}, "expected vectors over .* for model 'org/a', got"),
    ],
)
def test_vectors_that_do_not_fit_are_named_and_not_written(tmp_path, made, message):
    with pytest.raises(InputError, match=message):
        dataset.save(DS, tmp_path / "a.nc", made)
    assert not list(tmp_path.iterdir())


def test_a_data_set_without_vectors_says_so(tmp_path):
    path = dataset.save(DS, tmp_path / "a.nc")
    assert not vectors.present(path)
    with pytest.raises(InputError, match=r"expected function vectors in .*a.nc, got a data set of counts alone"):
        vectors.open(path)


def test_damaged_files_are_named(tmp_path):
    path = dataset.save(DS, tmp_path / "a.nc", some_vectors(DS))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="truncated or damaged"):
        vectors.open(path)
