"""The one exception for bad input, and the one way to suggest a correction."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Input we cannot use; its text is one sentence: expected, got, where, what to do. The CLI exits with 2."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ' (did you mean X?)' for the nearest known word, or ''."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
