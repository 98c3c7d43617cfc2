"""Shipped files are found by name, files by path, and what is neither is explained."""

import pytest

from emergelaw import shipped
from emergelaw.errors import InputError

FINDERS = [(shipped.find_model, "models", ".toml"), (shipped.find_data, "data", ".nc")]


@pytest.fixture(params=FINDERS, ids=["model", "data"])
def finder(request):
    return request.param


@pytest.fixture(params=["wheel", "checkout"])
def folders(request, tmp_path, monkeypatch):
    """A package with its shipped files inside, as in a wheel, or beside it, as in a checkout."""
    package = tmp_path / "emergelaw"
    package.mkdir()
    root = package / "_shipped" if request.param == "wheel" else tmp_path
    for _, folder, suffix in FINDERS:
        (root / folder).mkdir(parents=True)
        for name in ("alpha", "beta"):
            (root / folder / f"{name}{suffix}").touch()
    monkeypatch.setattr(shipped, "PACKAGE", package)
    return root


def test_a_name_means_the_shipped_file(finder, folders):
    find, folder, suffix = finder
    assert find("alpha") == folders / folder / f"alpha{suffix}"


def test_an_existing_file_wins(finder, folders, tmp_path, monkeypatch):
    find, _, _ = finder
    (tmp_path / "alpha").touch()
    monkeypatch.chdir(tmp_path)
    assert find("alpha").resolve() == tmp_path / "alpha"


def test_a_folder_of_that_name_does_not(finder, folders, tmp_path, monkeypatch):
    find, folder, suffix = finder
    (tmp_path / "alpha").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find("alpha") == folders / folder / f"alpha{suffix}"


@pytest.mark.parametrize("wrong", ["alhpa", "some/where/alhpa.x"])
def test_an_unknown_name_is_explained(finder, folders, wrong):
    find, _, suffix = finder
    with pytest.raises(
        InputError, match=rf"\(alpha, beta\), got '{wrong}' \(did you mean 'alpha'\?\).* a {suffix} file"
    ):
        find(wrong)


def test_nothing_shipped_is_said(finder, tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path / "emergelaw")
    with pytest.raises(InputError, match=r"\(none here\), got 'alpha'"):
        finder[0]("alpha")
