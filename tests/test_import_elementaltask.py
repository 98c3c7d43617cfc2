"""Importing ElementalTask results: one miniature fixture per kind of dirt met in the originals."""

import json
import tarfile
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from emergelaw import dataset
from emergelaw.errors import InputError
from emergelaw.importers.elementaltask import IMPORTER
from emergelaw.importers.elementaltask_records import is_right

OLMO, PYTHIA, AMBER = "allenai/OLMo-2-0425-1B", "EleutherAI/pythia-6.9b", "LLM360/Amber"
EARLY, LATE = "stage1-step300-tokens1B", "stage1-step10000-tokens21B"
WORDS = ["cat", "dog", "tree", "house", "river", "stone"]


def record(question: str, answer: str, right: bool = True, category: str = "", correct: bool = True, **more) -> dict:
    """One item as the source writes it; correct=False leaves out the key that old records lack."""
    prediction = f" {answer}\nnext ->" if right else " ?\nnext ->"
    out = {
        "index": 0,
        "input": question,
        "ground_truth": answer,
        "prompt": f"a -> b\n{question} ->",
        "metadata": {"category_name": category} if category else {},
        "prediction": prediction,
        "target": answer,
    }
    return out | ({"correct": right} if correct else {}) | more


def items(right: int, n: int = 6, category: str = "", upper: bool = True, **more) -> list[dict]:
    """n items of which the first are answered right."""
    words = [WORDS[i % 6] * (1 + i // 6) for i in range(n)]
    return [record(w, w.upper() if upper else w[::-1], i < right, category, **more) for i, w in enumerate(words)]


class Results:
    """A results folder in the making."""

    def __init__(self, folder: Path):
        self.root = folder / "results" / "run"

    def path(self, model: str, revision: str, name: str) -> Path:
        folder = self.root / f"{model.split('/')[1]}_{revision}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{model.replace('/', '_')}_{revision}_{name}"

    def items(self, model: str, revision: str, task: str, records: list[dict]) -> None:
        self.path(model, revision, f"{task}_detailed.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))

    def metrics(self, model: str, revision: str, task: str, **score) -> None:
        content = {"task_name": task, "model_id": model, "checkpoint": revision, "metrics": {"exact_match": score}}
        self.path(model, revision, f"{task}_metrics.json").write_text(json.dumps(content))

    def csv(self, task: str, rows: list[tuple], model: str = OLMO) -> None:
        """Rows of checkpoint, success, cached, correct, total."""
        self.root.mkdir(parents=True, exist_ok=True)
        columns = ["model", "checkpoint", "task", "success", "error", "cached", "correct", "total"]
        frame = pd.DataFrame(
            [(model, c, task, s, "" if s else "division by zero", cached, k, n) for c, s, cached, k, n in rows],
            columns=columns,
        )
        frame.to_csv(self.root / f"detailed_results_{task.replace(':', '_')}.csv", index=False)

    def read(self):
        return IMPORTER.read([self.root.parent])


@pytest.fixture
def results(tmp_path) -> Results:
    return Results(tmp_path)


def counts(imported) -> dict:
    return {(r.task, r.checkpoint_name): (r.n_correct, r.n_trials) for r in imported.cells.itertuples()}


def logged(imported, text: str) -> bool:
    assert dataset.build(imported.cells, imported.models, imported.tasks, imported.provenance)
    return any(text in line for line in imported.log.lines())


@pytest.mark.parametrize(
    ("prediction", "target", "right"),
    [
        (" Cat \nmore", "cat", True),
        ("CAT", "cat", True),
        ("\ncat", "cat", False),
        ("", "cat", False),
        ("cat dog", "cat", False),
        ("the cat", "The Cat", True),
    ],
)
def test_item_rule_takes_the_first_line_then_strips(prediction, target, right):
    assert is_right(prediction, target) is right


def test_old_records_without_correct_are_recomputed(results):  # 1
    results.items(OLMO, EARLY, "token_reversal", items(4, correct=False))
    imported = results.read()
    assert counts(imported) == {("token_reversal", EARLY): (4, 6)}
    assert logged(imported, "recomputed: items of older records, which do not say whether the answer was correct (× 6)")


def test_a_stored_correct_that_contradicts_the_rule_is_reported(results):
    results.items(OLMO, EARLY, "copying", [r | {"correct": not r["correct"]} for r in items(2)])
    imported = results.read()
    assert counts(imported) == {("copying", EARLY): (2, 6)} and logged(imported, "stored `correct` differs")


@pytest.mark.parametrize(
    "name", ["compositional_gerund_upper_gerund_upper", "compositional_gerund_upper", "compositional"]
)
def test_three_layouts_are_one_task(results, name):  # 2
    results.items(OLMO, EARLY, name, items(3, category="gerund_upper"))
    imported = results.read()
    assert counts(imported) == {("compositional:gerund_upper", EARLY): (3, 6)}
    assert (
        imported.tasks.loc["compositional:gerund_upper", "components"]
        == "simple_icl:present_to_gerund;simple_icl:uppercase"
    )


def test_an_aggregate_belongs_to_the_sub_task_that_its_records_name(results):  # 2
    results.items(OLMO, EARLY, "compositional", items(3, category="plural_last"))
    results.items(OLMO, LATE, "compositional", items(5, category="upper_reverse", upper=False))
    assert set(counts(results.read())) == {("compositional:plural_last", EARLY), ("compositional:upper_reverse", LATE)}


def test_items_stored_twice_count_once_and_the_own_file_wins(results):  # 3, 19
    results.items(OLMO, EARLY, "compositional", items(2, category="plural_upper"))
    results.items(OLMO, EARLY, "compositional_plural_upper_plural_upper", items(3, category="plural_upper"))
    imported = results.read()
    assert counts(imported) == {("compositional:plural_upper", EARLY): (3, 6)}
    assert logged(imported, "merged: items stored twice, with other outcomes")


def test_cached_counts_that_swallow_another_task_are_rejected(results):  # 4
    results.items(PYTHIA, "step11000", "compositional_gerund_upper_gerund_upper", items(4, category="gerund_upper"))
    results.csv(
        "compositional_gerund_upper",
        [("step11000", True, True, 4, 12), ("step22000", True, True, 5, 12), ("step33000", True, True, 0, 6)],
        PYTHIA,
    )
    results.csv("copying", [("step11000", True, True, 3, 6)], PYTHIA)
    imported = results.read()
    assert counts(imported) == {("compositional:gerund_upper", "step11000"): (4, 6)}
    assert logged(imported, "dropped: counts whose n is not that of the task's items (× 2)")
    assert logged(imported, "dropped: cached counts of tasks without items")


def test_aggregate_scores_are_never_read(results):  # 4
    results.items(OLMO, EARLY, "copying", items(1))
    for name in ("simple", "simple_icl", "compositional", "textfrct"):
        results.csv(name, [(EARLY, True, False, 300, 374)])
        results.metrics(OLMO, EARLY, name, correct=300, total=374)
    imported = results.read()
    assert set(counts(imported)) == {("copying", EARLY)}
    assert logged(imported, "csv counts of aggregates over sub-tasks (× 4)")


def test_the_older_simple_task_is_not_mixed_with_simple_icl(results):
    results.items(AMBER, "ckpt_000", "simple_uppercase", items(6, category="uppercase"))
    results.items(AMBER, "ckpt_000", "simple_icl_uppercase", items(2, category="uppercase"))
    imported = results.read()
    assert counts(imported) == {("simple_icl:uppercase", "ckpt_000"): (2, 6)}
    assert logged(imported, "dropped: files of the older task 'simple'")


def test_items_beat_the_score_of_the_csv_and_pivots_are_not_read(results):  # 5
    results.items(OLMO, EARLY, "compositional_upper_last_upper_last", items(5, category="upper_last"))
    results.csv("compositional:upper_last", [(EARLY, True, False, 1, 6), (LATE, True, False, 2, 6)])
    (results.root / "accuracy_pivot_copying.csv").write_text(f"model,checkpoint,copying\n{OLMO},{EARLY},0.0\n")
    imported = results.read()
    assert counts(imported) == {("compositional:upper_last", EARLY): (5, 6)}
    assert logged(imported, "dropped: metric task_eval, since exact_match is preferred")


def test_list_answers_that_no_prediction_can_equal_fall_back_to_counts(results):  # 5
    results.items(OLMO, EARLY, "ioi_task", [record("who", "['Phil', 'Henry']", False)] * 3)
    results.metrics(OLMO, EARLY, "ioi_task", correct=2, total=3)
    imported = results.read()
    assert counts(imported) == {("ioi_task", EARLY): (2, 3)} and imported.tasks.loc["ioi_task", "n_shots"] == 0
    assert logged(imported, "items of task 'ioi_task', whose answers are lists")


def test_failures_and_tasks_of_no_items_are_not_zero_percent(results):  # 6, 8
    results.items(OLMO, EARLY, "copying", items(1))
    results.items(OLMO, EARLY, "textfrct_FA3", [])
    results.csv("textfrct:FA3", [(EARLY, False, False, 0, 0), (LATE, True, False, 0, 0)])
    imported = results.read()
    assert set(counts(imported)) == {("copying", EARLY)}
    assert logged(imported, "dropped: empty item files of task 'textfrct:FA3'")
    assert logged(imported, "dropped: csv rows of evaluations that failed")
    assert logged(imported, "dropped: counts of 0 items")


def test_tasks_may_lack_checkpoints(results):  # 7
    results.items(PYTHIA, "step0", "copying", items(1))
    results.items(PYTHIA, "step11000", "copying", items(2))
    results.items(PYTHIA, "step11000", "coreference_pronoun_hard", items(2, category="pronoun_hard"))
    imported = results.read()
    ds = dataset.build(imported.cells, imported.models, imported.tasks, imported.provenance)
    assert ds["n_trials"].sel(task="coreference:pronoun_hard").values.tolist() == [[0, 6]]


def test_infinity_is_read(results):  # 9
    metrics = {"loss": float("inf"), "perplexity": float("inf"), "num_target_tokens": 0}
    results.items(OLMO, EARLY, "copying", items(2, continuous_metrics=metrics))
    assert "Infinity" in results.path(OLMO, EARLY, "copying_detailed.jsonl").read_text()
    assert counts(results.read()) == {("copying", EARLY): (2, 6)}


def test_a_broken_run_config_does_not_matter(results):  # 10
    results.items(OLMO, EARLY, "copying", items(2))
    (results.root / "run_config.json").write_text('{"tasks": []}"\n}')
    assert counts(results.read()) == {("copying", EARLY): (2, 6)}


def test_item_sets_differ_between_models_and_are_named_so(results):  # 11
    for model, revision, n in ((AMBER, "ckpt_000", 4), (PYTHIA, "step0", 4), (OLMO, EARLY, 6)):
        results.items(model, revision, "compositional_upper_first_upper_first", items(1, n, category="upper_first"))
    sets = results.read().cells.set_index("model")["item_set"]
    assert sets[AMBER] == sets[PYTHIA] != sets[OLMO]


def test_item_sets_of_one_model_are_not_pooled(results):  # 11
    small, large = items(3, 3, category="plural_last"), items(1, 6, category="plural_last", upper=False)
    results.items(OLMO, EARLY, "compositional", small)
    results.items(OLMO, LATE, "compositional", large)
    imported = results.read()
    assert counts(imported) == {("compositional:plural_last", LATE): (1, 6)}
    assert logged(imported, "which has fewer trials than its other set")


def test_degenerate_tasks_are_flagged_and_kept(results):  # 12, and the list below the table
    results.items(OLMO, EARLY, "ignoring_context", items(1, 1))
    results.items(OLMO, EARLY, "compositional_gerund_last", [record(w, "g", True, "gerund_last") for w in WORDS])
    results.items(
        OLMO, EARLY, "compositional_upper_first", [record(c, c.upper(), category="upper_first") for c in "abcdef"]
    )
    results.items(OLMO, EARLY, "compositional_plural_lower", [record(w, w + "s", True, "plural_lower") for w in WORDS])
    results.items(
        OLMO, EARLY, "simple_icl_singular_to_plural", [record(w, w + "s", True, "singular_to_plural") for w in WORDS]
    )
    imported = results.read()
    flagged = imported.provenance["degenerate_tasks"]
    assert flagged == {
        "compositional:gerund_last": "the answer is 'g' in 6 of 6 items",
        "compositional:plural_lower": "its items are those of simple_icl:singular_to_plural",
        "compositional:upper_first": "the inputs are single letters, which makes the chain trivial",
        "ignoring_context": "only 1 item",
    }
    assert set(flagged) < set(imported.cells["task"]) and logged(imported, "task 'ignoring_context' is degenerate")


def test_continuous_metrics_are_left_out(results):  # 13: the source scored the target without its leading space
    results.items(OLMO, EARLY, "copying", items(2, continuous_metrics={"probability": 0.001}))
    assert not [c for c in results.read().cells if c.startswith("metric_")]


def test_redrawn_examples_do_not_make_another_item_set(results):  # 14
    results.items(OLMO, EARLY, "copying", items(2))
    results.items(OLMO, LATE, "copying", [r | {"prompt": "other -> examples"} for r in items(3)])
    imported = results.read()
    assert len(imported.cells) == 2 and imported.cells["item_set"].nunique() == 1


def test_repeated_items_inside_a_task_all_count(results):  # 16
    empty = {"input": "", "ground_truth": "", "metadata": {"question": "", "answer": "b", "category_id": "I1"}}
    results.items(OLMO, EARLY, "textfrct_I1", [record("", "b", i < 2) | empty for i in range(5)])
    assert counts(results.read()) == {("textfrct:I1", EARLY): (2, 5)}


def test_renamed_folders_do_not_matter(results):  # 17
    results.items(OLMO, EARLY, "copying", items(2))
    folder = results.path(OLMO, EARLY, "copying_detailed.jsonl").parent
    folder.rename(folder.parent / "renamed")
    assert counts(results.read()) == {("copying", EARLY): (2, 6)}


def test_zero_tokens_are_kept_and_main_is_dropped(results):  # 18
    for revision in ("stage1-step0-tokens0B", EARLY, "main"):
        results.items(OLMO, revision, "copying", items(2))
    imported = results.read()
    assert imported.cells.sort_values("tokens")["tokens"].tolist() == [0, 300 * 2_097_152]
    assert logged(imported, "dropped: checkpoint 'main', without tokens and step")


def test_counts_stand_in_where_no_items_survive_and_are_flagged(results):
    results.csv("compositional:last_upper", [(EARLY, True, False, 1, 10), (LATE, True, False, 4, 10)])
    results.metrics(OLMO, EARLY, "math", accuracy=0.2, correct_count=4, total_count=20)
    imported = results.read()
    task = "compositional:last_upper"
    assert counts(imported) == {(task, EARLY): (1, 10), (task, LATE): (4, 10), ("math", EARLY): (4, 20)}
    assert imported.provenance["counts_only_tasks"] == ["compositional:last_upper", "math"]
    assert logged(imported, "flagged: tasks known by their counts only")


def test_two_grids_in_two_folders_are_one_model(results, tmp_path):
    results.items(OLMO, EARLY, "copying", items(2))
    other = Results(tmp_path)
    other.root = results.root.parent / "other"
    other.items(OLMO, EARLY, "copying", items(2))
    other.items(OLMO, LATE, "math", items(3))
    imported = results.read()
    assert counts(imported) == {("copying", EARLY): (2, 6), ("math", LATE): (3, 6)}
    assert logged(imported, "merged: items stored twice, with the same outcomes")


@pytest.mark.parametrize("suffix", ["tar.gz", "zip"])
def test_archives_read_like_folders(results, tmp_path, suffix):
    results.items(OLMO, EARLY, "copying", items(2))
    archive = tmp_path / f"results.{suffix}"
    if suffix == "zip":
        with zipfile.ZipFile(archive, "w") as out:
            for path in results.root.rglob("*.jsonl"):
                out.write(path, path.relative_to(tmp_path))
    else:
        with tarfile.open(archive, "w:gz") as out:
            out.add(results.root.parent, "results")
    assert IMPORTER.miss([archive]) is None
    assert IMPORTER.read([archive]).cells.equals(results.read().cells)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prediction": 3}, "expected prediction to be text in .*line 1, got 3"),
        ({"prediction": None}, "expected prediction to be text"),
        ({"target": ["a"]}, "expected target to be text"),
        ({"metadata": [1]}, "expected metadata to be a JSON object"),
        ({"metadata": {"category_name": 7}}, "expected metadata.category_name to name a sub-task of compositional"),
    ],
)
def test_broken_records_are_named(results, change, message):
    results.items(OLMO, EARLY, "compositional_plural_last", [items(1, category="plural_last")[0] | change])
    with pytest.raises(InputError, match=message):
        results.read()


def test_broken_files_are_named(results, tmp_path):
    results.items(OLMO, EARLY, "copying", items(2))
    path = results.path(OLMO, EARLY, "copying_detailed.jsonl")
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    with pytest.raises(InputError, match=r"expected JSON in .*copying_detailed.jsonl, line 6"):
        results.read()
    path.write_bytes(b"\xff" + whole)
    with pytest.raises(InputError, match="expected UTF-8 text in"):
        results.read()
    path.unlink()
    with pytest.raises(InputError, match=r"expected item records .* got none that were measured"):
        results.read()
    assert "holds no *_detailed.jsonl" in IMPORTER.miss([results.root.parent])
