"""What is known of public models by the last part of their names: family, parameters, tokens per step."""

from dataclasses import dataclass

import numpy as np

from emergelaw.importers import pythia_suite


@dataclass(frozen=True)
class Model:
    """Non-embedding and all parameters, and tokens per optimiser step; NaN or '' where unknown."""

    family: str = ""
    params: float = np.nan
    params_total: float = np.nan
    tokens_per_step: float = np.nan
    seed: float = np.nan
    corpus: str = ""


# Non-embedding counts of Amber and OLMo-2 are the totals less vocabulary × width, twice (embeddings are not tied).
MODELS = {
    "Amber": Model("llm360-amber", 6_476_271_616, 6_738_415_616),
    "OLMo-2-0425-1B": Model("olmo2", 1_073_874_944, 1_484_916_736, 2_097_152),
    "OLMo-2-1124-7B": Model("olmo2", 6_476_533_760, 7_298_617_344, 4_194_304),
    "OLMo-2-1124-13B": Model("olmo2", 12_688_593_920, 13_716_198_400, 8_388_608),
    "CrystalCoder": Model("llm360-crystal"),
    "K2-V2": Model("llm360-k2"),
}


def model(name: str) -> Model:
    """Return what is known of a model."""
    if member := pythia_suite.member(name):
        return Model(f"pythia-{member.version}", *member.params, member.tokens_per_step, member.seed, member.corpus)
    return MODELS.get(name.rpartition("/")[2], Model())
