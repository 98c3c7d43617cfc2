"""emergelaw: when does a language model acquire a capability? Bayesian laws of emergence from evaluation counts."""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from emergelaw.errors import InputError as InputError

__version__ = "0.1.0"
_HOMES = {"open": "dataset", "fit": "fit", "simulate": "simulate"}  # the verbs, and the modules that define them


def __getattr__(name: str) -> Any:
    """Load a verb when it is used, so that `import emergelaw` stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'emergelaw' has no attribute {name!r}")
    return getattr(import_module(f"emergelaw.{_HOMES[name]}"), name)


class _Package(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        # importing emergelaw.fit leaves the verb `fit` alone
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
