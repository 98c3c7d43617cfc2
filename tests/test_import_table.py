"""Importing long tables: recognised columns, counts from accuracies, and everything that must not be pooled."""

import gzip
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emergelaw import dataset
from emergelaw.errors import InputError
from emergelaw.importers import pythia_suite
from emergelaw.importers.table import IMPORTER

SHARED = {  # tidy file: the cells that its rows must come to, counted independently in test_shared_tables
    "pythia/pythia_v1_main_acc.csv.gz": (16, 130),
    "ich/ich_amber-7b.csv.gz": (1, 73),
    "ich/ich_olmo2-1b.csv.gz": (1, 94),
    "ich/ich_pythia-6.9b.csv.gz": (1, 87),
    "olmo-ladder/olmo_ladder_190M-3B.csv.gz": (30, 20),
}


def cells(**columns) -> pd.DataFrame:
    """Two models × two tasks × three checkpoints, with columns added or replaced (None: removed)."""
    frame = pd.DataFrame(
        [(m, t, 1e9 * (c + 1)) for m in ("a", "b") for t in ("x", "y") for c in range(3)],
        columns=["model", "task", "tokens"],
    )
    frame = frame.assign(n=100, k=np.arange(12) * 8).assign(**{c: v for c, v in columns.items() if v is not None})
    return frame.drop(columns=[c for c, v in columns.items() if v is None])


def load(frame: pd.DataFrame, folder: Path, filters=(), **maps):
    path = folder / "t.csv"
    frame.to_csv(path, index=False)
    return IMPORTER.read([path], filters, maps)


def build(imported):
    return dataset.build(imported.cells, imported.models, imported.tasks, imported.provenance)


def logged(imported, text: str) -> bool:
    return any(text in line for line in imported.log.lines())


def test_counts_come_through_unchanged(tmp_path):
    ds = build(load(cells(), tmp_path))
    assert ds["n_correct"].sel(model="b", task="x").values.tolist() == [48, 56, 64]
    assert (ds["n_trials"] == 100).all()


def test_every_field_has_distinct_synonyms():
    from emergelaw.importers.table import FIELDS

    names = [n for synonyms in FIELDS.values() for n in synonyms]
    assert len(names) == len(set(names)), "a column name must mean one field"
    assert all(n == n.lower() for n in names), "columns are compared in lower case"


@given(k=st.integers(0, 500), n=st.integers(2, 500))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_accuracy_with_n_or_with_stderr_gives_the_same_counts(tmp_path, k, n):
    k = min(k, n)
    p = np.array([k / n, (n // 2) / n, k / n])  # the second row tells n even where stderr is 0
    frame = pd.DataFrame({"model": "m", "task": "t", "step": [1, 2, 3], "acc": p})
    with_n = load(frame.assign(n=n), tmp_path).cells
    with_stderr = load(frame.assign(stderr=np.sqrt(p * (1 - p) / (n - 1))), tmp_path).cells
    for found in (with_n, with_stderr):
        assert found["n_correct"].tolist() == [k, n // 2, k]
        assert (found["n_trials"] == n).all()


def test_a_macro_average_is_no_count(tmp_path):
    accuracy = np.where(cells()["task"] == "x", 0.123456789, 0.25)
    imported = load(cells(k=None, acc=accuracy), tmp_path)
    assert set(imported.cells["task"]) == {"y"}
    assert logged(imported, "task 'x', where accuracy × n is not a whole number")
    with pytest.raises(InputError, match=r"expected accuracy × n to be a whole number .* 0\.123457 × 100 = 12\.346"):
        load(cells(k=None, acc=0.123456789), tmp_path)


def test_rounded_accuracies_are_counts_within_their_rounding(tmp_path):
    imported = load(cells(k=None, n=1838, acc=np.round(np.arange(12) * 100 / 1838, 3)), tmp_path)
    assert (imported.cells["n_correct"] - np.arange(12) * 100).abs().max() <= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": None}, "expected counts .* got only n_trials: name the columns with --map"),
        ({"k": None, "acc": 25.0}, "expected accuracies between 0 and 1, got 25 .* divide percentages by 100"),
        ({"k": 3.5}, "expected n_correct to be a whole number of items, got 3.5 for task 'x' of model 'a'"),
        ({"k": 101}, "expected n_correct ≤ n_trials, got 101 of 100 for task 'x' of model 'a'"),
        ({"k": "many"}, "expected numbers in column 'k' of .*, got 'many' in row 1"),
        ({"n": np.inf}, "expected numbers in column 'n' of .*, got 'inf'"),
        ({"tokens": None}, "expected a step or a tokens column, got neither"),
        ({"tokens": np.nan}, "expected tokens or a step for some checkpoint, got none"),
        ({"task": None}, "expected a task column in .* name it with --map task=COLUMN"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        load(cells(**change), tmp_path)


@pytest.mark.parametrize("seed", range(4))
def test_any_damage_is_an_input_error_or_readable(tmp_path, seed):
    """Bytes flipped, cut or doubled at random: never another exception."""
    rng = np.random.default_rng(seed)
    whole = cells(acc=0.5, stderr=0.05, metric="acc", n_shots=5, chance=0.25).to_csv(index=False).encode()
    for _ in range(25):
        content = bytearray(whole[: rng.integers(1, len(whole) + 1)])
        for at in rng.integers(0, len(content), rng.integers(0, 6)):
            content[at] = rng.integers(0, 256)
        (tmp_path / "t.csv").write_bytes(content)
        try:
            build(IMPORTER.read([tmp_path / "t.csv"]))
        except InputError as error:
            assert str(error)


def test_map_takes_any_column(tmp_path):
    frame = cells().rename(columns={"k": "Treffer", "n": "Anzahl", "model": "run", "tokens": "gesehen"})
    imported = load(
        frame.assign(width=512),
        tmp_path,
        n_correct="Treffer",
        n_trials="Anzahl",
        model="run",
        tokens="gesehen",
        design_width="width",
    )
    assert imported.cells["n_correct"].tolist() == cells()["k"].tolist()
    assert (build(imported)["design_width"] == 512).all()


def test_unknown_names_are_errors_with_a_suggestion(tmp_path):
    with pytest.raises(InputError, match=r"got 'n_corect' \(did you mean 'n_correct'\?\)"):
        load(cells(), tmp_path, n_corect="k")
    with pytest.raises(InputError, match=r"got 'tokns' \(did you mean 'tokens'\?\)"):
        load(cells(), tmp_path, step="tokns")
    with pytest.raises(InputError, match=r"got 'modle' \(did you mean 'model'\?\)"):
        load(cells(), tmp_path, [("modle", "a")])
    with pytest.raises(InputError, match=r"with model equal to aa, got none \(the column holds a, b\)"):
        load(cells(), tmp_path, [("model", "aa")])


def test_a_column_without_use_is_ignored_and_named(tmp_path):
    assert logged(load(cells(comment="hello"), tmp_path), "ignored: column 'comment' of t.csv")


def test_filters_compare_as_text_and_as_numbers_and_repeat_as_or(tmp_path):
    assert set(load(cells(), tmp_path, [("model", "a")]).cells["model"]) == {"a"}
    frame = cells(n_shots=0.0)
    assert len(load(pd.concat([frame, frame.assign(n_shots=5.0)]), tmp_path, [("n_shots", "5")]).cells) == 12
    both = load(cells(), tmp_path, [("tokens", "1000000000"), ("tokens", "2e9"), ("task", "x")]).cells
    assert sorted(both["tokens"].unique()) == [1e9, 2e9] and set(both["task"]) == {"x"}


def test_several_files_of_several_kinds_are_one_data_set(tmp_path):
    pytest.importorskip("pyarrow", reason="Parquet needs the extra emergelaw[parquet]")
    a, b = tmp_path / "a.csv.gz", tmp_path / "b.parquet"
    cells().query("model == 'a'").to_csv(a, index=False)
    cells().query("model == 'b'").rename(columns={"k": "correct", "n": "total"}).to_parquet(b)
    imported = IMPORTER.read([a, b])
    assert build(imported).equals(build(load(cells(), tmp_path)))
    assert imported.provenance["title"] == "a.csv.gz, b.parquet"
    assert imported.provenance["kind"] == "measured"


def test_one_metric_per_curve_and_the_other_is_named(tmp_path):
    frame = pd.concat([cells(metric="acc", k=1), cells(metric="exact_match", k=2), cells(metric="zzz", k=3)])
    imported = load(frame, tmp_path)
    assert (imported.cells["n_correct"] == 2).all()
    assert logged(imported, "dropped: metric acc, since exact_match is preferred for the curve (× 12)")
    assert logged(imported, "dropped: metric zzz")
    only_y = frame[(frame["metric"] == "acc") | (frame["task"] == "y")]
    mixed = load(only_y, tmp_path)
    assert set(mixed.cells.query("task == 'x'")["n_correct"]) == {1}
    assert logged(mixed, "chosen: metric acc for 2 curves") and logged(mixed, "chosen: metric exact_match for 2 curves")


def test_gaps_are_filled_from_another_metric_only_if_both_agree(tmp_path):
    grid = pd.DataFrame({"model": "m", "task": "t", "step": range(6), "n": 20, "k": range(6)})
    first, second = grid[:4].assign(metric="exact_match"), grid.assign(metric="task_eval")
    filled = load(pd.concat([first, second]), tmp_path)
    assert filled.cells["n_correct"].tolist() == list(range(6)) and logged(filled, "filled: gaps of 1 curves")
    second.loc[2, "k"] += 1
    assert len(load(pd.concat([first, second]), tmp_path).cells) == 4
    assert len(load(pd.concat([first[:2], grid.assign(metric="task_eval")]), tmp_path).cells) == 2, "too few in common"


def test_item_sets_are_never_pooled(tmp_path):
    frame = cells(item_set="small", n=[100] * 3 + [10, 100, 100] + [100] * 6, k=5)
    frame.loc[[4, 5], "item_set"] = "large"
    imported = load(frame, tmp_path)
    assert imported.cells.query("model == 'a' and task == 'y'")["item_set"].unique().tolist() == ["large"]
    assert logged(imported, "dropped: task 'y' of a on item set small, which has fewer trials")
    assert build(imported)["n_trials"].sel(model="a", task="y").values.tolist() == [0, 100, 100]


def test_unnamed_items_beside_named_sets_are_told_apart_by_their_number(tmp_path):
    frame = cells(item_set=["s1"] * 6 + [np.nan] * 6)
    frame.loc[6, "n"] = 50
    frame["k"] = 5
    assert set(load(frame, tmp_path).cells.query("model == 'b' and task == 'x'")["n_trials"]) == {100}


def test_shot_counts_seeds_and_corpora_become_labels(tmp_path):
    one_task = cells(task="z", n_shots=5).drop_duplicates(["model", "tokens"])
    frame = pd.concat([cells(n_shots=5), cells(n_shots=0), one_task])
    imported = load(frame, tmp_path)
    assert sorted(imported.tasks.index) == ["x", "x (5-shot)", "y", "y (5-shot)", "z"]
    assert imported.tasks.loc["x", "n_shots"] == 0 and imported.tasks.loc["x (5-shot)", "n_shots"] == 5
    seeds = load(pd.concat([cells(seed=1), cells(seed=2)]), tmp_path)
    assert sorted(seeds.models.index) == ["a (seed 1)", "a (seed 2)", "b (seed 1)", "b (seed 2)"]


def test_flags_of_the_pythia_table(tmp_path):
    flag = ["step1_identical_to_step0", "", "suspect_same_weights_as_2.8b"] * 4
    imported = load(cells(flag=flag), tmp_path)
    assert len(imported.cells) == 8
    assert logged(imported, "dropped: rows flagged step1_identical_to_step0")
    assert imported.provenance["suspect"] == {m: "suspect_same_weights_as_2.8b" for m in ("a", "b")}


def test_a_checkpoint_without_a_place_is_dropped_and_tokens_0_is_kept(tmp_path):
    imported = load(cells(tokens=[0, 1e9, np.nan] * 4, checkpoint=["init", "1B", "main"] * 4), tmp_path)
    assert sorted(imported.cells["tokens"].unique()) == [0, 1e9]
    assert logged(imported, "dropped: checkpoint 'main', without tokens and step (× 4)")


def test_chance_from_choices_and_parameters_from_what_is_there(tmp_path):
    imported = load(cells(n_choices=4, params=7e9, dedup=True), tmp_path)
    assert (imported.tasks["chance"] == 0.25).all()
    assert (imported.models["params"] == 7e9).all() and (imported.models["params_total"] == 7e9).all()
    assert (imported.models["corpus"] == "deduped").all()
    assert (load(cells(dedup=False), tmp_path).models["corpus"] == "standard").all()
    assert logged(load(cells(), tmp_path), "assumed: chance 0")
    assert load(cells(params=7e9, params_nonemb=6e9), tmp_path).models["params"].tolist() == [6e9, 6e9]


def test_corpora_of_pythia_are_named_as_its_own_importer_names_them(tmp_path):
    frame = cells(dedup=[False] * 6 + [True] * 6).replace({"a": "pythia-70m", "b": "EleutherAI/pythia-70m-deduped"})
    corpora = load(frame, tmp_path).models["corpus"].to_dict()
    assert corpora == {"pythia-70m": "pile", "EleutherAI/pythia-70m-deduped": "pile-deduped"}
    assert corpora == {name: pythia_suite.member(name).corpus for name in corpora}


def test_equal_repeats_merge_and_different_ones_are_refused(tmp_path):
    imported = load(pd.concat([cells(), cells()]), tmp_path)
    assert len(imported.cells) == 12 and logged(imported, "merged: rows that repeat a cell with equal counts (× 12)")
    with pytest.raises(InputError, match=r"got 5 of 100 and 6 of 100 for task 'x' of model 'a' .* differ in .*stage"):
        load(pd.concat([cells(k=5, stage="one"), cells(k=6, stage="two")]), tmp_path)


def test_rows_without_trials_are_not_measured(tmp_path):
    imported = load(cells(n=[0, 100, 100] * 4, k=0), tmp_path)
    assert len(imported.cells) == 8 and logged(imported, "rows without trials")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv.gz", gzip.compress(b"model,task,step,n,k\n" * 99)[:-20], "expected a readable table in .*, got damage"),
        ("t.csv.gz", b"no gzip", "got damage"),
        ("t.parquet", b"PAR1 no parquet PAR1", "got damage|expected pyarrow"),
        ("t.csv", b"\xff\xfe\x00\x01", "got damage|expected rows"),
        ("t.csv", b"", "got damage"),
        ("t.csv", b"model,task\n", "got no rows"),
        ("t.txt", b"model,task\n", "another kind of file"),
    ],
)
def test_damaged_files_are_one_sentence(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        IMPORTER.read([tmp_path / name])
    assert "\n" not in str(error.value)


def test_only_parquet_needs_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"found none: install emergelaw\[parquet\] or give a CSV file"):
        IMPORTER.read([tmp_path / "t.parquet"])


def test_a_csv_file_is_read_without_pyarrow(tmp_path):
    cells().to_csv(tmp_path / "t.csv", index=False)
    program = "import sys; sys.modules['pyarrow'] = None; from emergelaw import cli; cli.main()"
    command = [sys.executable, "-c", program, "import", "table", str(tmp_path / "t.csv"), "-o", str(tmp_path / "x.nc")]
    subprocess.run(command, check=True, capture_output=True)
    assert dataset.open(tmp_path / "x.nc").equals(build(load(cells(), tmp_path)))


def test_missing_files_are_named_and_miss_says_why(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        IMPORTER.read([tmp_path / "none.csv"])
    assert "is not a file ending in .csv" in IMPORTER.miss([tmp_path])
    (tmp_path / "t.csv").write_text("a\n1\n")
    assert IMPORTER.miss([tmp_path / "t.csv"]) is None


@pytest.mark.parametrize("name", SHARED)
def test_shared_tables_need_no_mapping(shared_data, name):
    """Every kept cell is a row of the file, and every row left out is left out for a reason that can be recounted."""
    raw = pd.read_csv(shared_data / name)
    start = time.perf_counter()
    imported = IMPORTER.read([shared_data / name])
    assert time.perf_counter() - start < 10
    ds = build(imported)
    assert (ds.sizes["model"], ds.sizes["task"]) == SHARED[name]
    plain = imported.cells.assign(task=imported.cells["task"].str.removesuffix(" (5-shot)"))
    raw = raw.rename(columns={"k": "n_correct", "n": "n_trials"})
    keys = ["model", "task", "step", "tokens", "n_correct", "n_trials"]
    assert len(plain.merge(raw[keys].drop_duplicates(), on=keys)) == len(plain)
    if "metric" in raw and raw["metric"].nunique() > 2:  # several metrics per cell
        placed = raw[raw["tokens"].notna()]
        exact = placed[placed["metric"] == "exact_match"]
        one_set = exact.groupby("task")["item_set"].transform("nunique") == 1
        assert len(plain.merge(exact[one_set][keys], on=keys)) == one_set.sum()
        assert set(plain["task"]) == set(placed["task"])
    else:
        step1 = raw["flag"].fillna("").str.contains("step1_identical") if "flag" in raw else pd.Series(False, raw.index)
        assert len(plain) == (~step1).sum()
        assert ds["n_correct"].sum() == raw.loc[~step1, "n_correct"].sum()


def test_shared_tables_give_the_same_counts_from_accuracy_and_stderr(shared_data, tmp_path):
    """n is recovered from the standard error alone, to the item, in all 43,680 published rows."""
    raw = pd.read_csv(shared_data / "pythia/pythia_v1_main_acc.csv.gz")
    for left_out in (["n", "k"], ["k", "stderr"]):
        imported = load(raw.drop(columns=left_out), tmp_path)
        reference = IMPORTER.read([shared_data / "pythia/pythia_v1_main_acc.csv.gz"])
        keys = ["model", "task", "step"]
        both = imported.cells.merge(reference.cells, on=keys, suffixes=("", "_reference"))
        assert len(both) == len(reference.cells) == len(imported.cells)
        assert (both["n_trials"] == both["n_trials_reference"]).all()
        assert (both["n_correct"] == both["n_correct_reference"]).all()


def test_shared_tables_of_all_models_together(shared_data):
    files = sorted((shared_data / "ich").glob("ich_*-*.csv.gz"))
    ds = build(IMPORTER.read(files, [("metric", "exact_match")], {}))
    assert ds.sizes["model"] == 3 and (ds["kind"] == "composite").any()
