"""Outputs of the lm-evaluation-harness: every file format, its traps, and the per-item files."""

import json

import numpy as np
import pytest
from result_files import entry, items, lines, new, new_file, old, write

from emergelaw import dataset
from emergelaw.errors import InputError
from emergelaw.importers.lm_eval import miss, read
from emergelaw.importers.revisions import place, split_name

COUNTS = {"toy_a": (4, 20), "toy_b": (6, 20)}


def said(imported, text):
    return [line for line in imported.log.lines() if text in line]


def cells(imported):
    return {(r.model, r.step, r.task): (r.n_correct, r.n_trials) for r in imported.cells.itertuples()}


def built(imported):
    return dataset.build(imported.cells, imported.models, imported.tasks, imported.provenance)


@pytest.mark.parametrize(
    "revision, step, tokens",
    [
        ("step3000", 3000, np.nan),
        ("stage1-step10000-tokens21B", 10000, 21e9),
        ("ckpt_032", 32, np.nan),
        ("main", np.nan, np.nan),
        ("global_step500", 500, np.nan),
        ("checkpoint-1200", 1200, np.nan),
        ("base_0010000", 10000, np.nan),
        ("stage2-ingredient1-step1000-tokens3B", np.nan, np.nan),
        ("tokens-1.5T", np.nan, 1.5e12),
        ("CrystalCoder_phase2_checkpoint_000100", np.nan, np.nan),
    ],
)
def test_place_of_a_revision(revision, step, tokens):
    found = place("some/model", revision)
    assert (found.step, found.tokens) == (pytest.approx(step, nan_ok=True), pytest.approx(tokens, nan_ok=True))


def test_known_models_have_exact_tokens():
    assert place("EleutherAI/pythia-70m", "step3000").tokens == 3000 * 2_097_152
    assert place("allenai/OLMo-2-0425-1B", "stage1-step150-tokens1B").tokens == 150 * 2_097_152
    assert place("LLM360/Amber", "ckpt_000").tokens == 3e9


@pytest.mark.parametrize(
    "name, parts",
    [
        ("runs/mine/step1000", ("runs/mine", "step1000")),
        ("runs/mine/checkpoint-50", ("runs/mine", "checkpoint-50")),
        ("ckpts/mine-step7", ("ckpts/mine", "step7")),
        ("EleutherAI/pythia-70m", ("EleutherAI/pythia-70m", "")),
        ("org/foo-base-7b", ("org/foo-base-7b", "")),
    ],
)
def test_names_that_end_in_a_checkpoint(name, parts):
    assert split_name(name) == parts


def test_new_format(tmp_path):
    new_file(tmp_path, COUNTS)
    imported = read([tmp_path])
    assert cells(imported) == {("EleutherAI/pythia-70m", 3000, t): kn for t, kn in COUNTS.items()}
    assert imported.provenance["versions"] == {"lm_eval": "0.4.9.1 (git d647f50)"}
    assert imported.provenance["kind"] == "measured"
    ds = built(imported)
    assert float(ds.tokens[0, 0]) == 3000 * 2_097_152 and float(ds.params_total[0]) == 70_426_624


def test_old_format(tmp_path):
    write(tmp_path / "out.json", old(COUNTS, "pretrained=org/net,revision=step10", shots=3))
    imported = read([tmp_path / "out.json"])
    assert cells(imported) == {("org/net", 10, t): kn for t, kn in COUNTS.items()}
    assert set(imported.tasks["n_shots"]) == {3}


def test_arguments_as_text_or_table_and_the_revision_of_hf_models(tmp_path):
    for i, config in enumerate(
        (
            {"model_args": {"pretrained": "org/net", "revision": "step1"}},
            {"model_args": "pretrained=org/net,revision=step2"},
            {"model_args": {}, "model_revision": "step3"},
        )
    ):
        doc = new(COUNTS, model="org/net") | {"config": {"model": "hf", **config}}
        write(tmp_path / f"results_2025-01-0{i + 1}T00-00-00.json", doc)
    assert {step for _, step, _ in cells(read([tmp_path]))} == {1, 2, 3}


def test_local_checkpoints_and_adapters(tmp_path):
    for i, (name, extra) in enumerate(
        (("runs/a/step100", ""), ("runs/a/step200", ""), ("runs/b/step100", ""), ("runs/a/step100", ",peft=lora"))
    ):
        doc = new(COUNTS, model=name, revision="")
        doc["config"]["model_args"] += extra
        write(tmp_path / f"results_2025-01-0{i + 1}T00-00-00.json", doc)
    assert {(m, s) for m, s, _ in cells(read([tmp_path]))} == {
        ("runs/a", 100),
        ("runs/a", 200),
        ("runs/b", 100),
        ("runs/a+lora", 100),
    }


def test_groups_are_dropped(tmp_path):
    doc = new(COUNTS)
    doc["results"]["toy_group"] = {"acc,none": 0.25, "acc_stderr,none": 0.0698, "alias": "toy_group", "sample_len": 40}
    doc["results"]["empty_group"] = {" ": " ", "alias": "empty_group"}
    doc |= {"groups": {"toy_group": {}}, "group_subtasks": {"toy_group": list(COUNTS), "empty_group": ["toy_a"]}}
    write(tmp_path / "results_2025-01-01T00-00-00.json", doc)
    imported = read([tmp_path])
    assert set(imported.cells["task"]) == set(COUNTS)
    assert not said(imported, "group")


def test_pooled_errors_are_no_counts(tmp_path):
    doc = new(COUNTS)
    doc["results"]["pooled"] = {"acc,none": 0.25, "acc_stderr,none": 0.06977407149243606}
    write(tmp_path / "results_2025-01-01T00-00-00.json", doc)
    assert said(read([tmp_path]), "dropped task 'pooled' where accuracy and standard error are not those of a count")


def test_effective_sizes_and_missing_errors(tmp_path):
    doc = new({"toy_a": (0, 20), "toy_b": (6, 20)})
    doc["results"]["toy_b"]["acc_stderr,none"] = "N/A"
    write(tmp_path / "results_2025-01-01T00-00-00.json", doc)
    assert set(cells(read([tmp_path])).values()) == {(0, 20), (6, 20)}
    del doc["n-samples"]
    write(tmp_path / "results_2025-01-01T00-00-00.json", doc)
    with pytest.raises(InputError, match="expected at least one accuracy of a checkpoint whose revision or path tells"):
        read([tmp_path])


def test_one_metric_and_filter_by_preference(tmp_path):
    doc = new({"choice": (4, 20)}, metrics=("acc_norm", "acc"))
    doc["results"]["gen"] = {"alias": "gen", "perplexity,none": 9.0}
    doc["results"]["gen"] |= entry(3, 20, "exact_match", ",flexible-extract")
    doc["results"]["gen"] |= entry(1, 20, "exact_match", ",strict-match")
    doc["results"]["choice"] |= entry(9, 20, "acc_norm", ",none")
    doc["n-samples"]["gen"] = {"effective": 20}
    write(tmp_path / "results_2025-01-01T00-00-00.json", doc)
    usual, normed = read([tmp_path]), read([tmp_path], metric="acc_norm")
    assert usual.cells.set_index("task")["n_correct"].to_dict() == {"choice": 4, "gen": 1}
    assert normed.cells.set_index("task")["n_correct"].to_dict() == {"choice": 9, "gen": 1}
    assert said(usual, "kept exact_match,strict-match and set aside exact_match,flexible-extract")


def test_two_measures_of_a_task_make_no_curve(tmp_path):
    for step, how in ((1, "strict-match"), (2, "strict-match"), (3, "flexible-extract")):
        new_file(
            tmp_path,
            {"gen": (4, 20)},
            stamp=f"2025-01-0{step}T00-00-00",
            revision=f"step{step}",
            metrics=("exact_match",),
            how=f",{how}",
        )
    imported = read([tmp_path])
    assert set(imported.cells["step"]) == {1, 2}
    assert said(imported, "dropped task 'gen' where it was measured by exact_match,flexible-extract")


def test_latest_time_stamp_wins(tmp_path):
    new_file(tmp_path, {"toy_a": (9, 20)}, stamp="2025-08-12T17-53-38.5")
    new_file(tmp_path, COUNTS, stamp="2024-08-12T17-53-38.5")
    imported = read([tmp_path])
    assert set(cells(imported).values()) == {(9, 20), (6, 20)}
    assert said(imported, "merged cells measured again with other counts: kept the latest")


def test_checkpoints_without_place_are_dropped_and_shots_are_told_apart(tmp_path):
    new_file(tmp_path, COUNTS)
    new_file(tmp_path, COUNTS, stamp="2025-01-02T00-00-00", revision="main")
    new_file(tmp_path, COUNTS, stamp="2025-01-03T00-00-00", **{"n-shot": dict.fromkeys(COUNTS, 5)})
    imported = read([tmp_path])
    assert said(imported, "dropped EleutherAI/pythia-70m at revision 'main'")
    assert set(imported.cells["task"]) == {"toy_a", "toy_b", "toy_a (5-shot)", "toy_b (5-shot)"}
    assert imported.tasks.loc["toy_a (5-shot)", "n_shots"] == 5


def test_tokens_rounded_in_names_become_exact_where_one_rate_explains_them(tmp_path):
    steps = [150, 300, 1000, 100_000]
    for i, step in enumerate(steps):
        label = int(np.ceil(step * 2_000_000 / 1e9))
        new_file(
            tmp_path,
            COUNTS,
            stamp=f"2025-01-0{i + 1}T00-00-00",
            model="org/net",
            revision=f"stage1-step{step}-tokens{label}B",
        )
    ds = built(read([tmp_path]))
    assert ds.tokens.values[0] == pytest.approx([s * 2e6 for s in steps])


def test_chance_comes_from_configuration_then_items_then_name(tmp_path):
    doc = new({"listed": (4, 20), "open": (4, 20), "sampled": (4, 20), "piqa": (4, 20), "riddle": (4, 20)})
    doc["configs"] |= {"listed": {"doc_to_choice": list("ABCDE")}, "open": {"output_type": "generate_until"}}
    write(tmp_path / "results_2025-01-01T00-00-00.json", doc)
    write(tmp_path / "samples_sampled_2025-01-01T00-00-00.jsonl", lines(items(4, 20, choices=8)))
    imported = read([tmp_path])
    assert imported.tasks["chance"].to_dict() == {"listed": 0.2, "open": 0, "sampled": 0.125, "piqa": 0.5, "riddle": 0}
    assert said(imported, "took chance of task 'riddle' as 0") and not said(imported, "took chance of task 'open'")


def test_items_are_recounted_per_filter(tmp_path):
    doc = new({"gen": (4, 20)}, metrics=("exact_match",), how=",strict-match")
    write(tmp_path / "results_2025-01-01T00-00-00.json", doc)
    strict, lax = (
        items(k, 20, how=how, metric="exact_match") for k, how in ((4, "strict-match"), (9, "flexible-extract"))
    )
    write(tmp_path / "samples_gen_2025-01-01T00-00-00.jsonl", lines(strict + lax))
    assert said(read([tmp_path]), "recounted results from their per-item files: they agree")


@pytest.mark.parametrize("records", [items(5, 20), items(4, 19)])
def test_items_that_contradict_the_results_are_refused(tmp_path, records):
    new_file(tmp_path, COUNTS)
    write(tmp_path / "EleutherAI__pythia-70m" / "samples_toy_a_2025-08-12T17-53-38.528277.jsonl", lines(records))
    with pytest.raises(InputError, match=r"expected the items in .*samples_toy_a.* to give 4 of 20 correct"):
        read([tmp_path])


def test_arrays_named_jsonl_supply_sizes_that_old_files_lack(tmp_path):
    """0.4.0–0.4.2: results.json and one indented array per task, named by the model arguments."""
    doc = new({"toy_a": (0, 20)})
    del doc["n-samples"]
    write(tmp_path / "results.json", doc)
    name = "pretrained__EleutherAI__pythia-70m,revision__step3000_toy_a.jsonl"
    write(tmp_path / name, json.dumps(items(0, 20), indent=2))
    assert set(cells(read([tmp_path])).values()) == {(0, 20)}


def test_files_that_belong_to_nothing_are_told(tmp_path):
    new_file(tmp_path, COUNTS)
    write(tmp_path / "notes.json", {"a": 1})
    write(tmp_path / "samples_other_2025-01-01T00-00-00.jsonl", lines(items(1, 2)))
    imported = read([tmp_path])
    assert said(imported, "left out notes.json: it has no 'results'")
    assert said(imported, "left out per-item file samples_other_2025-01-01T00-00-00.jsonl")


def test_item_sets_are_named_where_all_checkpoints_agree(tmp_path):
    for i, (a, b) in enumerate((("x", "y"), ("x", "z"))):
        new_file(
            tmp_path,
            COUNTS,
            stamp=f"2025-01-0{i + 1}T00-00-00",
            revision=f"step{i}",
            task_hashes={"toy_a": a, "toy_b": b},
        )
    imported = read([tmp_path])
    assert built(imported)["item_set"].values.tolist() == [["x", ""]]
    assert said(imported, "task 'toy_b' has several item hashes within a model")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"results": []}, "expected 'results' to be a JSON object with one entry per task, got a list"),
        ({"results": {"t": {"acc,none": 1.2}}}, r"expected 'acc,none' of task 't' to be a number in \[0, 1\], got 1.2"),
        ({"results": {"t": {"acc,none": 0.5, "acc_stderr,none": "?"}}}, "to be a standard error or 'N/A', got '\\?'"),
        ({"config": None}, "expected 'config' to be a JSON object, got NoneType"),
        ({"n-samples": {"toy_a": {"effective": -1}}}, "expected 'effective' to be a whole number ≥ 0, got -1"),
        ({"model_name": "", "config": {"model_args": ""}}, "expected the model's name"),
    ],
)
def test_damage_is_named(tmp_path, change, message):
    write(tmp_path / "results_2025-01-01T00-00-00.json", new(COUNTS) | change)
    with pytest.raises(InputError, match=message):
        read([tmp_path])


def test_what_is_missed(tmp_path):
    assert miss([tmp_path]) == "there is no JSON file with 'results'"
    with pytest.raises(InputError, match="expected at least one results file of the lm-evaluation-harness, got none"):
        read([tmp_path])


def test_original_files(shared_data):
    folder = shared_data / "lm-eval"
    assert cells(read([folder / "v0.4.2"])) == {
        ("EleutherAI/pythia-70m", 3000, "toy_mc_a"): (4, 20),
        ("EleutherAI/pythia-70m", 3000, "toy_mc_b"): (6, 20),
    }
    everything = read([folder])
    assert set(everything.cells["task"]) == {"toy_mc_a", "toy_mc_b", "toy_gen"}
    assert everything.tasks["chance"].to_dict() == {"toy_mc_a": 0.25, "toy_mc_b": 0.25, "toy_gen": 0}
    assert said(everything, "recounted results from their per-item files: they agree (× 8)")
    assert said(everything, "dropped sshleifer/tiny-gpt2 at revision 'main'")
    with pytest.raises(InputError, match="whose revision or path tells step or tokens"):
        read([folder / "v0.4.12"])
