"""emergelaw: when does a language model acquire a capability? Bayesian laws of emergence from evaluation counts."""

from importlib import import_module
from typing import Any

from emergelaw.errors import InputError as InputError

__version__ = "0.1.0"
_HOMES = {
    "open": "dataset",
    "fit": "fits",
    "load": "fits",
    "simulate": "simulation",
}  # verbs and the modules that define them


def __getattr__(name: str) -> Any:
    """Load a verb when it is used, so that `import emergelaw` stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'emergelaw' has no attribute {name!r}")
    return getattr(import_module(f"emergelaw.{_HOMES[name]}"), name)
