"""What the names in ElementalTask results mean: checkpoints, models, tasks and their composition."""

import re
from dataclasses import dataclass

from emergelaw.importers import pythia_suite

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


@dataclass(frozen=True)
class Model:
    """What is known of a model: non-embedding and all parameters, tokens per optimiser step."""

    family: str
    params: float = float("nan")
    params_total: float = float("nan")
    tokens_per_step: float = float("nan")


# Non-embedding counts of Amber and OLMo-2 are the totals less vocabulary × width, twice (embeddings are not tied).
MODELS = {
    "Amber": Model("llm360-amber", 6_476_271_616, 6_738_415_616),
    "OLMo-2-0425-1B": Model("olmo2", 1_073_874_944, 1_484_916_736, 2_097_152),
    "OLMo-2-1124-7B": Model("olmo2", 6_476_533_760, 7_298_617_344, 4_194_304),
    "OLMo-2-1124-13B": Model("olmo2", 12_688_593_920, 13_716_198_400, 8_388_608),
    "CrystalCoder": Model("llm360-crystal"),
}
AMBER_BILLIONS = 3.4977  # per checkpoint; rounded to whole billions this gives every entry of the published table
CRYSTAL_PHASES = {1: (0.0, 4.33e6), 2: (345e9, 4.32e6), 3: (1272e9, 3.97e6)}  # tokens before the phase, and per step
K2_TOKENS_PER_STEP = 9.8e6


def model(name: str) -> Model:
    """Return what is known of a model, by the last part of its name."""
    short = name.split("/")[-1]
    if pythia := pythia_suite.member(short):
        return Model("pythia", *pythia.params, pythia.tokens_per_step)
    return MODELS.get(short, Model(""))


@dataclass(frozen=True)
class Place:
    """Where in training a checkpoint lies; NaN where unknown. `note` says how it was obtained if not exactly."""

    step: float = float("nan")
    tokens: float = float("nan")
    note: str = ""


def place(name: str, revision: str) -> Place:
    """Return step and tokens of a checkpoint; neither for `main` and other stages, which saw another data mix."""
    if found := re.fullmatch(r"(?:stage1-)?step(\d+)(?:-tokens(\d+)B)?", revision):
        step, per_step = float(found[1]), model(name).tokens_per_step
        if per_step == per_step:
            return Place(step, step * per_step)
        if step == 0:
            return Place(0.0, 0.0)
        if found[2]:
            return Place(step, float(found[2]) * 1e9, "tokens from the checkpoint's label, which rounds up to billions")
        return Place(step, note="step only, since the tokens per step are not known")
    if found := re.fullmatch(r"ckpt_(\d+)", revision):
        return Place(tokens=round(AMBER_BILLIONS * (int(found[1]) + 1)) * 1e9, note="tokens to the nearest billion")
    if found := re.fullmatch(r"CrystalCoder_phase([123])_checkpoint_(\d+)", revision):
        before, per_step = CRYSTAL_PHASES[int(found[1])]
        return Place(tokens=before + int(found[2]) * per_step, note="tokens from about 4.3 M per step and phase")
    if found := re.fullmatch(r"base_(\d+)", revision):
        return Place(float(found[1]), int(found[1]) * K2_TOKENS_PER_STEP, "tokens from about 9.8 M per step")
    return Place()


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
