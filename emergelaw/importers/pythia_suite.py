"""The Pythia models: names old and new, parameters, and tokens per training step."""

import re
from dataclasses import dataclass

import numpy as np

ALL_TOKENS = 299_892_736_000  # every Pythia model was trained on as many
PARAMS = {  # size: (non-embedding, total)
    "70m": (18_915_328, 70_426_624),
    "160m": (85_056_000, 162_322_944),
    "410m": (302_311_424, 405_334_016),
    "1b": (805_736_448, 1_011_781_632),
    "1.4b": (1_208_602_624, 1_414_647_808),
    "2.8b": (2_517_652_480, 2_775_208_960),
    "6.9b": (6_444_163_072, 6_857_302_016),
    "12b": (11_327_027_200, 11_846_072_320),
}
RENAMED = {
    "19m": "70m",
    "125m": "160m",
    "350m": "410m",
    "800m": "1b",
    "1.3b": "1.4b",
    "2.7b": "2.8b",
    "6.7b": "6.9b",
    "13b": "12b",
}  # size names before January 2023, which counted other parameters
NAME = re.compile(
    r"""(?:.*/)?pythia-(?:v1(?:\.1)?-)?(?P<size>\d+(?:\.\d+)?[mb])(?:-bf16)?(?P<deduped>-deduped)?
                      (?:-(?P<batch>\d*\.?\d+)MtokBS)?(?:-(?:data-|weight-)?seed(?P<seed>\d+))?(?P<v0>-v0)?""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True)
class Member:
    """One model of the suite, as its name tells it."""

    size: str
    deduped: bool
    batch: str  # million tokens (2^20) per step, where the name says so
    seed: float
    version: str

    @property
    def name(self) -> str:
        return f"pythia-{self.size}" + "-deduped" * self.deduped + (f"-{self.batch}MtokBS" if self.batch else "")

    @property
    def corpus(self) -> str:
        return "pile-deduped" if self.deduped else "pile"

    @property
    def params(self) -> tuple[int, int]:
        return PARAMS[self.size]

    @property
    def tokens_per_step(self) -> int:
        """Tokens per step of the v1 models and of the published revisions, which renumber the 4M-batch runs of v0."""
        return round(float(self.batch) * 2**20) if self.batch else 2**21


def member(name: str) -> Member | None:
    """Return the model of this name (old size names are translated), or None if it is none of the suite."""
    found = NAME.fullmatch(name)
    size = present_size(found["size"]) if found else None
    if not found or size not in PARAMS:
        return None
    return Member(
        size,
        bool(found["deduped"]),
        found["batch"] or "",
        float(found["seed"] or np.nan),
        "v0" if found["v0"] else "v1",
    )


def present_size(size: str) -> str:
    """Return today's name of a size."""
    return RENAMED.get(size.lower(), size.lower())
