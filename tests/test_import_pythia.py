"""Pythia evaluations: exact counts, and every known trap of the published files."""

import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from result_files import entry, old, v0, v1, write

from emergelaw import dataset
from emergelaw.errors import InputError
from emergelaw.importers import pythia_suite
from emergelaw.importers.common import Log
from emergelaw.importers.counts import with_counts
from emergelaw.importers.pythia_evals import IMPORTER, miss, read

COUNTS = {"arc_easy": (600, 2376), "piqa": (900, 1838), "hendrycksTest-anatomy": (30, 135)}
MANY = {f"blimp_{i}": (400 + 7 * i, 1000) for i in range(10)}


def shifted(counts, by=1):
    return {task: (k + by, n) for task, (k, n) in counts.items()}


def said(imported, text):
    return [line for line in imported.log.lines() if text in line]


def built(imported):
    return dataset.build(imported.cells, imported.models, imported.tasks, imported.provenance)


@given(st.integers(2, 20_000).flatmap(lambda n: st.tuples(st.integers(1, n - 1), st.just(n))))
def test_counts_follow_from_accuracy_and_standard_error(kn):
    row = entry(*kn)
    rows = pd.DataFrame({"task": ["t"], "accuracy": [row["acc"]], "stderr": [row["acc_stderr"]], "size": [np.nan]})
    cells = with_counts(rows, {}, Log())
    assert (cells["n_correct"].item(), cells["n_trials"].item()) == kn


def test_counts_models_and_tasks(tmp_path):
    v1(tmp_path, "70m-deduped", 3000, COUNTS)
    v1(tmp_path, "70m-deduped", 3000, shifted(COUNTS), "five-shot", shots=5)
    ds = built(read([tmp_path]))
    cell = ds.sel(model="pythia-70m-deduped").isel(checkpoint=0)
    assert {t: (int(cell.n_correct.sel(task=t)), int(cell.n_trials.sel(task=t))) for t in COUNTS} == COUNTS
    assert int(cell.n_correct.sel(task="piqa (5-shot)")) == 901
    assert float(cell.tokens) == 3000 * 2_097_152 and float(cell.step) == 3000
    assert float(cell.params) == 18_915_328 and str(cell.corpus.values) == "pile-deduped"
    assert dict(zip(ds.task.values, ds.chance.values, strict=True))["piqa (5-shot)"] == 0.5
    assert list(ds.category.sel(task=["arc_easy", "hendrycksTest-anatomy"]).values) == ["core", "mmlu"]
    assert dataset.provenance(ds)["kind"] == "published"


def test_size_of_a_task_at_zero_comes_from_elsewhere_or_is_dropped(tmp_path):
    v1(tmp_path, "70m", 0, {"odd": (0, 50), "lambada_openai": (0, 5153), "never": (0, 77)})
    v1(tmp_path, "70m", 3000, {"odd": (20, 50)})
    imported = read([tmp_path])
    untrained = imported.cells.query("step == 0").set_index("task")
    assert untrained["n_trials"].to_dict() == {"odd": 50, "lambada_openai": 5153}
    assert set(untrained["n_correct"]) == {0}
    assert said(imported, "dropped task 'never' where its number of items cannot be known")


def test_cells_that_are_no_counts_are_reported(tmp_path):
    path = v1(tmp_path, "70m", 3000, COUNTS)
    write(path, path.read_text().replace('"acc": 0.25252525252525254', '"acc": 0.2525'))
    imported = read([tmp_path])
    assert "arc_easy" not in set(imported.cells["task"])
    assert said(imported, "dropped task 'arc_easy' where accuracy and standard error are not those of a count")


def test_configuration_beats_a_mislabelled_folder_and_the_original_beats_its_repeat(tmp_path):
    v0(tmp_path, "160m", 1500, COUNTS, iterations=71500)
    v0(tmp_path, "160m", 1500, shifted(COUNTS), "five-shot", date="12-31-2022-01-00-06", iterations=71500)
    v0(tmp_path, "160m", 6500, COUNTS, "five-shot", date="12-31-2022-01-00-06", iterations=71500)
    imported = read([tmp_path], suite="v0")
    assert set(imported.cells["n_shots"]) == {0}
    assert imported.cells.query("step == 1500 and task == 'piqa'")["n_correct"].item() == 900
    assert said(imported, "five-shot as 0-shot, as their configuration says: the folder is mis-labelled (× 2)")
    assert said(imported, "with other counts")


def test_four_million_token_batches_and_old_names(tmp_path):
    v0(tmp_path, "125m", 71500, COUNTS, iterations=71500)
    v0(tmp_path, "19m", 143000, COUNTS)
    imported = read([tmp_path], suite="v0")
    assert set(imported.cells["model"]) == {"pythia-160m", "pythia-70m"}
    assert set(imported.cells["tokens"]) == {299_892_736_000}
    assert said(imported, "counted 4,194,304 tokens per step for pythia-160m")
    assert imported.models.loc["pythia-160m", "family"] == "pythia-v0"


def test_bf16_is_the_published_1b_and_its_file_names_lie(tmp_path):
    v1(tmp_path, "1b-bf16", 512, COUNTS, stem="1b-bf16-5shot")
    imported = read([tmp_path])
    assert set(imported.cells["model"]) == {"pythia-1b"} and set(imported.cells["n_shots"]) == {0}
    assert said(imported, "read pythia-1b-bf16 as pythia-1b") and said(imported, "named 5shot as 0-shot")


def test_the_latest_of_several_dates_is_kept(tmp_path):
    for date, by in (("11-25-2022-07-22-36", 0), ("11-25-2022-06-00-35", 3), ("12-01-2021-09-00-00", 5)):
        v0(tmp_path, "70m", 53000, shifted(COUNTS, by), "five-shot", shots=5, date=date)
    imported = read([tmp_path], suite="v0")
    assert imported.cells.set_index("task")["n_correct"]["piqa"] == 900
    assert said(imported, "kept the latest")


def test_undated_results_that_differ_are_refused(tmp_path):
    v1(tmp_path, "1b", 512, COUNTS)
    v1(tmp_path, "1b-bf16", 512, shifted(COUNTS))
    with pytest.raises(InputError, match=r"expected one result for task 'arc_easy' of model 'pythia-1b' at step 512"):
        read([tmp_path])


def test_step_one_repeats_step_zero_unless_it_does_not(tmp_path):
    for name, by in (("70m", 0), ("160m", 2)):
        v1(tmp_path, name, 0, MANY)
        v1(tmp_path, name, 1, shifted(MANY, by))
    imported = read([tmp_path])
    steps = imported.cells.groupby("model")["step"].unique().map(sorted)
    assert steps.to_dict() == {"pythia-70m": [0], "pythia-160m": [0, 1]}
    assert said(imported, "dropped step 1 of 1 model(s)")


def test_same_weights_under_two_names_are_marked(tmp_path):
    for name in ("2.8b", "2.8b-deduped"):
        v1(tmp_path, name, 3000, MANY)
        v1(tmp_path, name, 13000, shifted(MANY, len(name)))
    for name, by in (("70m", 0), ("70m-deduped", 1)):
        v1(tmp_path, name, 8, MANY)
        v1(tmp_path, name, 3000, shifted(MANY, by))
    imported = read([tmp_path])
    twins = imported.models["design_same_weights_as"]
    assert twins[twins != ""].to_dict() == {"pythia-2.8b-deduped": "pythia-2.8b"}
    assert imported.provenance["same_weights"] == [
        {"model": "pythia-2.8b-deduped", "same_weights_as": "pythia-2.8b", "checkpoints": ["step3000 (0-shot)"]}
    ]
    assert said(imported, "marked pythia-2.8b-deduped")
    assert str(built(imported)["design_same_weights_as"].sel(model="pythia-2.8b-deduped").values) == "pythia-2.8b"


def test_suites_are_never_merged(tmp_path):
    v1(tmp_path, "1.4b-deduped", 143000, COUNTS)
    v1(tmp_path, "1.4b-deduped", 143000, shifted(COUNTS), "baseline", stem="baseline-1.4b-deduped")
    v1(tmp_path, "1.4b-deduped", 143000, shifted(COUNTS, 2), "intervention", stem="intervention-1.4b-deduped")
    v1(tmp_path, "1.4b-deduped", 143000, shifted(COUNTS, 3), "intervention", stem="intervention-1.4b-deduped-long")
    v1(tmp_path, "1.4b-1MtokBS", 6000, COUNTS, "", shots=5)
    v1(tmp_path, "70m-0.25MtokBS", 24000, COUNTS, "five-shot", shots=5)
    main, variants = read([tmp_path]), read([tmp_path], suite="variants")
    assert set(main.cells["model"]) == {"pythia-1.4b-deduped"}
    assert said(main, "baseline: they belong to suite 'variants', not merged with 'v1'")
    assert variants.cells.drop_duplicates("model").set_index("model")["tokens"].to_dict() == {
        "pythia-1.4b-deduped-baseline": 299_892_736_000,
        "pythia-1.4b-deduped-intervention": 299_892_736_000,
        "pythia-1.4b-deduped-intervention-long": 299_892_736_000,
        "pythia-1.4b-1MtokBS": 6000 * 2**20,
        "pythia-70m-0.25MtokBS": 24000 * 2**18,
    }


def test_winobias_is_refused_by_name_and_a_list_in_a_main_file_is_an_error(tmp_path):
    v1(tmp_path, "70m", 3000, COUNTS)
    wino = old({}, {"iteration": 3000, "train_iters": 143000})
    wino["results"] = [{"task_name": "wino_bias_type1_pro", "em": 0.27}]
    write(tmp_path / "evals/pythia-v0/winobias/19M/eval_results_01-20-2023-23-52-37.json", wino)
    assert said(read([tmp_path]), "pythia-v0/winobias/19M: refused, since winobias results are a list of prompts")
    write(v1(tmp_path, "160m", 3000, {}), wino)
    with pytest.raises(InputError, match=r"got a list in pythia-v1/pythia-160m/zero-shot/160m_step3000.json: winobias"):
        read([tmp_path])


def test_metrics_that_are_no_accuracy_are_left_out_by_name(tmp_path):
    path = v1(tmp_path, "70m", 3000, COUNTS)
    doc = old(COUNTS, "pretrained=EleutherAI/pythia-v1.1-70m,revision=step3000")
    doc["results"] |= {
        "crows_pairs_english": {"pct_stereotype": 0.5, "pct_stereotype_stderr": 0.01},
        "wikitext": {"word_perplexity": 76.3},
    }
    write(path, doc)
    imported = read([tmp_path])
    assert set(imported.cells["task"]) == set(COUNTS)
    assert said(imported, "without an accuracy (crows_pairs_english): only pct_stereotype")
    assert said(imported, "without an accuracy (wikitext): only word_perplexity")


@pytest.mark.parametrize("form", ["zip", "gztar", "tar"])
def test_an_archive_reads_as_the_folder_does(tmp_path, form):
    for step in (0, 1000, 3000):
        v1(tmp_path / "clone", "410m", step, shifted(COUNTS, step // 100))
    archive = shutil.make_archive(str(tmp_path / "pythia"), form, tmp_path / "clone")
    folder, packed = read([tmp_path / "clone"]), read([type(tmp_path)(archive)])
    assert built(folder).drop_attrs().identical(built(packed).drop_attrs())
    assert sorted(folder.log.lines()) == sorted(packed.log.lines())
    assert packed.provenance["sources"] == [archive.rpartition("/")[2]]


def test_a_damaged_file_is_named_and_never_dropped(tmp_path):
    v1(tmp_path, "70m", 3000, COUNTS)
    v1(tmp_path, "70m", 13000, COUNTS).write_text('{"results": {"arc')
    with pytest.raises(InputError, match=r"expected JSON in pythia-v1/pythia-70m/zero-shot/70m_step13000.json"):
        read([tmp_path])


def test_what_is_missed_and_what_is_offered(tmp_path):
    assert miss([tmp_path]) == "there is no folder evals/pythia-v1 or evals/pythia-v0 with JSON files"
    v1(tmp_path, "70m", 3000, COUNTS)
    assert IMPORTER.miss([tmp_path]) is None
    with pytest.raises(InputError, match="suite 'v0'"):
        read([tmp_path], suite="v0")
    with pytest.raises(InputError, match=r"one of v1, v0, variants, got 'variant' \(did you mean 'variants'\?\)"):
        read([tmp_path], suite="variant")


def test_names_of_the_suite():
    assert pythia_suite.member("EleutherAI/pythia-1.3b-deduped").name == "pythia-1.4b-deduped"
    assert pythia_suite.member("EleutherAI/pythia-160m-seed3").seed == 3
    assert pythia_suite.member("EleutherAI/pythia-70m-v0").version == "v0"
    assert pythia_suite.member("pythia-3b") is None and pythia_suite.member("gpt2") is None
    assert all(0 < inner < total for inner, total in pythia_suite.PARAMS.values())


@pytest.mark.parametrize("suite, models, cells", [("v1", 2, 260), ("v0", 3, 195), ("variants", 2, 66)])
def test_original_files(shared_data, suite, models, cells):
    imported = read([shared_data / "pythia" / "raw_sample"], suite=suite)
    ds = built(imported)
    assert (ds.sizes["model"], int((ds.n_trials > 0).sum())) == (models, cells)


def truth(shared_data) -> pd.DataFrame:
    """The tidy counts of the v1 main models, derived from the same files by other code."""
    return pd.read_csv(shared_data / "pythia" / "pythia_v1_main_acc.csv.gz")


def test_original_files_agree_with_the_tidy_counts(shared_data):
    cells = read([shared_data / "pythia" / "raw_sample"]).cells
    cells = cells.assign(plain=cells["task"].str.replace(" (5-shot)", "", regex=False))
    both = cells.merge(
        truth(shared_data),
        left_on=["model", "n_shots", "step", "plain"],
        right_on=["model", "n_shots", "step", "task"],
        suffixes=("", "_tidy"),
    )
    assert len(both) == 260
    for ours, theirs in (("n_correct", "k"), ("n_trials", "n"), ("tokens", "tokens_tidy")):
        assert (both[ours] == both[theirs]).all()


def test_a_clone_rebuilt_from_the_tidy_counts_gives_them_back(shared_data, tmp_path):
    tidy = truth(shared_data).query("model in ['pythia-2.8b', 'pythia-2.8b-deduped', 'pythia-1b']")
    for (model, shots, step), rows in tidy.groupby(["model", "n_shots", "step"]):
        name = model.removeprefix("pythia-").replace("1b", "1b-bf16")
        counts = {t: (k, n) for t, k, n in rows[["task", "k", "n"]].itertuples(index=False)}
        v1(tmp_path, name, step, counts, {0: "zero-shot", 5: "five-shot"}[shots], shots=shots)
    imported = read([tmp_path])
    kept = tidy[~tidy["flag"].fillna("").str.contains("step1_identical")]
    assert len(imported.cells) == len(kept) == 3 * 65 * (26 + 15)
    ds, label = built(imported), kept["task"] + kept["n_shots"].map({0: "", 5: " (5-shot)"})
    at = [
        ds.get_index("model").get_indexer(kept["model"]),
        kept.groupby("model")["step"].rank("dense").astype(int) - 1,
        ds.get_index("task").get_indexer(label),
    ]
    for name, column in (("n_correct", "k"), ("n_trials", "n")):
        assert (ds[name].values[tuple(at)] == kept[column]).all()
    flagged = kept[kept["flag"].fillna("").str.contains("same_weights") & (kept["step"] >= 100)]
    marked = imported.provenance["same_weights"]
    assert [m["model"] for m in marked] == ["pythia-2.8b-deduped"]
    assert len(marked[0]["checkpoints"]) == len(flagged[["n_shots", "step"]].drop_duplicates())
