"""What is known of public benchmarks by name: answer choices, category, and number of test items."""

import re

CHOICES = {
    "arc_challenge": 4,
    "arc_easy": 4,
    "boolq": 2,
    "cb": 3,
    "copa": 2,
    "hellaswag": 4,
    "logiqa": 4,
    "mathqa": 5,
    "openbookqa": 4,
    "piqa": 2,
    "prost": 4,
    "rte": 2,
    "sciq": 4,
    "sst2": 2,
    "wic": 2,
    "winogrande": 2,
    "wsc": 2,
    "wsc273": 2,
    "xwinograd_en": 2,
}
CHOICES_BY_PREFIX = {"hendrycksTest-": 4, "mmlu_": 4, "blimp_": 2, "xstorycloze_": 2}
OPEN = re.compile(r"lambada|gsm8k|triviaqa|nq_open|webqs|arithmetic|humaneval|mbpp|drop|squad|coqa|minerva_math")
SIZES = {
    "arc_challenge": 1172,
    "arc_easy": 2376,
    "lambada_openai": 5153,
    "logiqa": 651,
    "piqa": 1838,
    "sciq": 1000,
    "winogrande": 1267,
    "wsc": 104,
}


def chance(task: str) -> float | None:
    """Return the accuracy of blind guessing, or None if the task is not known here."""
    prefix = next((n for p, n in CHOICES_BY_PREFIX.items() if task.startswith(p)), None)
    choices = CHOICES.get(task, prefix)
    if choices:
        return 1 / choices
    return 0.0 if OPEN.search(task) else None


def category(task: str) -> str:
    """Return mmlu, blimp or arithmetic for members of these families, else core."""
    if task.startswith(("hendrycksTest-", "mmlu_")):
        return "mmlu"
    if task.startswith("blimp_"):
        return "blimp"
    return "arithmetic" if "arithmetic" in task else "core"


def size(task: str) -> int | None:
    """Return the number of test items, where it is the same in every release."""
    return 1000 if task.startswith("blimp_") else SIZES.get(task)
