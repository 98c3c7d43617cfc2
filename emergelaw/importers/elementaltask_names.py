"""What the names in ElementalTask results mean: checkpoints, tasks and their composition."""

import re

REVISION = (
    r"stage\d+(?:-ingredient\d+)?-step\d+(?:-tokens\d+B)?|CrystalCoder_phase\d_checkpoint_\d+|ckpt_\d+|"
    r"base_\d+|base_final|step\d+|main"
)
GROUPS = (
    "compositional",
    "simple_icl",
    "coreference",
    "fact_extraction",
    "logical_ops",
    "multistep_arithmetic",
    "textfrct",
    "simple",
)  # tasks made of sub-tasks; `simple` is the older form of simple_icl with mixed examples


def split(text: str) -> tuple[str, str, bool]:
    """Split `compositional_X`, `compositional:X` or `compositional_X_X` into group, sub-task and 'is the last form'."""
    text = text.replace(":", "_", 1)
    for group in GROUPS:
        if text == group or text.startswith(group + "_"):
            sub = text[len(group) + 1 :]
            half = sub[: len(sub) // 2]
            return (group, half, True) if half and sub == f"{half}_{half}" else (group, sub, False)
    return text, "", False


def join(group: str, sub: str) -> str:
    """Return the task's label: `group:sub`, or the plain name of a task without sub-tasks."""
    return f"{group}:{sub}" if sub else group


OPERATIONS = {
    "upper": "simple_icl:uppercase",
    "lower": "simple_icl:lowercase",
    "reverse": "token_reversal",
    "first": "simple_icl:first_letter",
    "last": "simple_icl:last_letter",
    "plural": "simple_icl:singular_to_plural",
    "gerund": "simple_icl:present_to_gerund",
}


def components(task: str) -> list[str]:
    """Return the elemental tasks that a composite chains, the first operation first; [] for an elemental task."""
    group, _, chain = task.partition(":")
    if group != "compositional":
        return []
    found = re.match(r"translate_(?:eng|fr|sp)_(?:eng|fr|sp)(?=_|$)", chain)
    first = [f"simple_icl:{found[0]}"] if found else []
    rest = chain[found.end() :].strip("_") if found else chain
    return first + [OPERATIONS.get(word, word) for word in rest.split("_") if word]


CATEGORIES = {
    "arithmetic": ("basic_arithmetic", "math", "multistep_arithmetic", "textfrct:RG"),
    "comp_morphology": ("compositional:gerund", "compositional:plural"),
    "comp_translation": ("compositional:translate",),
    "comp_case_chain": ("compositional:",),
    "world_knowledge": ("simple_icl:country",),
    "translation": ("simple_icl:translate",),
    "morphology": ("simple_icl:present_to_gerund", "simple_icl:singular_to_plural"),
    "string": ("copying", "string_analogy", "token_reversal", "simple_icl:"),
    "logic": ("logical_ops", "textfrct:RL"),
    "frct_verbal_closure": ("textfrct:CV",),
    "frct_vocabulary": ("textfrct:V",),
    "frct_induction": ("textfrct:I",),
    "frct_memory": ("textfrct:MA",),
    "reading": ("coreference", "fact_extraction", "ignoring_context", "ioi_task", "part_of_speech"),
}


def category(task: str) -> str:
    """Return the category of a task, the first whose prefix fits."""
    return next((name for name, prefixes in CATEGORIES.items() if task.startswith(prefixes)), "")


def shots(task: str) -> int:
    """Return the number of examples in the prompt: five, but none for two tasks."""
    return 0 if task.startswith(("textfrct", "ioi_task")) else 5
