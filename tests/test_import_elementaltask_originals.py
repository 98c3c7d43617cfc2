"""ElementalTask: the original files against an independent recount, the published table, and what names mean."""

import shutil
import tarfile

import numpy as np
import pandas as pd
import pytest

from emergelaw.errors import InputError
from emergelaw.importers import elementaltask_names as names
from emergelaw.importers import revisions
from emergelaw.importers.elementaltask import IMPORTER

OLMO, PYTHIA, AMBER = "allenai/OLMo-2-0425-1B", "EleutherAI/pythia-6.9b", "LLM360/Amber"
EARLY, LATE = "stage1-step300-tokens1B", "stage1-step10000-tokens21B"


def counts(imported) -> dict:
    return {(r.task, r.checkpoint_name): (r.n_correct, r.n_trials) for r in imported.cells.itertuples()}


def logged(imported, text: str) -> bool:
    return any(text in line for line in imported.log.lines())


@pytest.mark.parametrize(
    ("model", "revision", "step", "tokens"),
    [
        (OLMO, "stage1-step1907359-tokens4001B", 1907359, 4_000_021_741_568),
        ("allenai/OLMo-2-1124-7B", "stage1-step150-tokens1B", 150, 150 * 4_194_304),
        (PYTHIA, "step143000", 143000, 299_892_736_000),
        ("x/unheard-of", "stage1-step5-tokens7B", 5, 7e9),
        ("allenai/OLMo-3-1025-7B", "stage1-step1000", 1000, np.nan),
        ("allenai/OLMo-3-1025-7B", "stage1-step0", 0, np.nan),
        ("LLM360/CrystalCoder", "CrystalCoder_phase2_checkpoint_000100", np.nan, 345e9 + 100 * 4.32e6),
        ("LLM360/K2-V2", "base_0001000", 1000, 9.8e9),
        (OLMO, "main", np.nan, np.nan),
        (OLMO, "stage2-ingredient1-step1000-tokens5B", np.nan, np.nan),
    ],
)
def test_places_of_checkpoints(model, revision, step, tokens):
    found = revisions.place(model, revision)
    assert np.array_equal([found.step, found.tokens], [step, tokens], equal_nan=True)


def published(**columns) -> pd.DataFrame:
    frame = pd.DataFrame(
        [
            ("OLMo-2-0425-1B", c, t, task)
            for c, t in ((EARLY, 1), (LATE, 21), ("main", 4001))
            for task in ("token_reversal", "compositional:upper_last")
        ],
        columns=["model", "checkpoint", "tokens_B", "task"],
    )
    return frame.assign(**{"task_type": "x", "metric": "accuracy", "value": [0.0, 0.1, 0.05, 0.2, 1.0, 1.0], **columns})


def test_the_published_table_with_a_table_of_n(tmp_path):
    table, sizes = tmp_path / "trajectories.csv", tmp_path / "sizes.csv"
    pd.concat([published(), published(metric="loss", value=9.0)]).to_csv(table, index=False)
    sizes.write_text("task,n\ntoken_reversal,20\ncompositional_upper_last,10\n")
    assert IMPORTER.miss([table]) is None
    imported = IMPORTER.read([table, sizes])
    one, two = "token_reversal", "compositional:upper_last"
    assert counts(imported) == {
        (one, EARLY): (0, 20),
        (one, LATE): (1, 20),
        (two, EARLY): (1, 10),
        (two, LATE): (2, 10),
    }
    assert imported.cells["tokens"].min() == 300 * 2_097_152, "exact tokens, not the label's billions"
    assert logged(imported, "dropped: rows of metric loss") and logged(imported, "dropped: checkpoint 'main'")
    assert imported.provenance["kind"] == "published"
    with pytest.raises(InputError, match="expected the number of items beside the published accuracies"):
        IMPORTER.read([table])


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ("task,m\nx,1\n", "expected the columns task and n in"),
        ("task,n\nx,1\n", "expected n of the published tasks"),
        ("task,n\ntoken_reversal,20\ntoken_reversal,21\n", "expected one n per task, got several"),
        ("task,n\ntoken_reversal,7\n", "expected accuracy × n to be a whole number"),
    ],
)
def test_a_wrong_table_of_n_is_refused(tmp_path, sizes, message):
    table, second = tmp_path / "trajectories.csv", tmp_path / "sizes.csv"
    published(value=0.123456789).to_csv(table, index=False)
    second.write_text(sizes)
    with pytest.raises(InputError, match=message):
        IMPORTER.read([table, second])


@pytest.fixture(scope="module")
def tidy(shared_data) -> pd.DataFrame:
    files = sorted((shared_data / "ich").glob("ich_*-*.csv.gz"))
    return pd.concat([pd.read_csv(f) for f in files]).rename(columns={"checkpoint": "checkpoint_name"})


@pytest.fixture(scope="module")
def original(shared_data):
    return IMPORTER.read([shared_data / "ich/raw_sample.tar.gz"])


def test_original_files_agree_with_an_independent_recount(original, tidy):
    counted = original.cells["item_set"].str.startswith("n").map({True: "task_eval", False: "exact_match"})
    both = original.cells.assign(metric=counted).merge(
        tidy, on=["model", "checkpoint_name", "task", "metric"], suffixes=("", "_tidy"), validate="one_to_one"
    )
    assert len(both) == len(original.cells) == 135
    assert (both["n_correct"] == both["k"]).all() and (both["n_trials"] == both["n"]).all()
    assert (both["tokens"] == both["tokens_tidy"]).all()
    assert both["step"].equals(both["step_tidy"])


def test_every_item_file_of_the_originals_is_used(original, tidy, shared_data):
    """No cell of the recount whose item file is in the sample is missing, but for what the log names."""
    with tarfile.open(shared_data / "ich/raw_sample.tar.gz") as archive:
        folders = {m.name.split("/")[-2] for m in archive if m.name.endswith("_detailed.jsonl")}
    named = {f.split("_", 1)[1] for f in folders} - {"main"}
    cells = set(zip(original.cells["model"], original.cells["checkpoint_name"], original.cells["task"], strict=True))
    tasks = set(original.cells["task"])
    exact = tidy[(tidy["metric"] == "exact_match") & tidy["checkpoint_name"].isin(named) & tidy["task"].isin(tasks)]
    missing = {c for c in zip(exact["model"], exact["checkpoint_name"], exact["task"], strict=True)} - cells
    sampled = {m for m in missing if m[2] in set(original.cells.loc[original.cells["model"] == m[0], "task"])}
    assert sampled <= {(OLMO, EARLY, "compositional:plural_last")}, "only the smaller item set is left out"


def test_names_of_tasks_agree_with_the_task_table(shared_data):
    table = pd.read_csv(shared_data / "ich/ich_tasks.csv", keep_default_na=False)
    for task in table.itertuples():
        assert ";".join(names.components(task.task)) == task.components
        assert names.category(task.task) == task.category
        assert bool(names.components(task.task)) == (task.kind == "composite")


def test_amber_tokens_agree_with_the_published_table(tidy):
    amber = tidy[(tidy["model"] == AMBER) & tidy["tokens"].notna()].drop_duplicates("checkpoint_name")
    assert len(amber) == 12
    assert [revisions.place(AMBER, r).tokens for r in amber["checkpoint_name"]] == amber["tokens"].tolist()


def test_originals_under_random_damage_raise_input_errors_only(shared_data, tmp_path):
    whole = tmp_path / "whole"
    with tarfile.open(shared_data / "ich/raw_sample.tar.gz") as archive:
        archive.extractall(whole, filter="data")
    rng = np.random.default_rng(0)
    paths = [p for p in sorted(whole.rglob("*_*.*")) if p.is_file() and "pivot" not in p.name and p.stat().st_size]
    for path in rng.choice(np.array(paths, object), 60, replace=False):
        content = bytearray(path.read_bytes()[: rng.integers(1, path.stat().st_size + 1)])
        for at in rng.integers(0, len(content), 5):
            content[at] = rng.integers(0, 256)
        one = tmp_path / "one"
        one.mkdir()
        (one / path.name).write_bytes(content)
        try:
            IMPORTER.read([one])
        except InputError as error:
            assert "expected" in str(error)
        shutil.rmtree(one)
