"""One process per measurement: memory goes back, caches start alike, and what takes too long can be stopped."""

import contextlib
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any


def isolated(function: Callable, *args: Any, minutes: float = 60.0) -> Any:
    """Return function(*args) as computed by a fresh process, or None if that takes longer."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, function, args))
    process.start()
    theirs.close()
    try:
        return ours.recv() if ours.poll(60 * minutes) else None
    except EOFError as error:
        raise RuntimeError(f"{function.__name__}{args} failed: its own message stands above") from error
    finally:
        process.terminate()
        process.join()


def _answer(pipe: Connection, function: Callable, args: tuple) -> None:
    pipe.send(function(*args))


@contextlib.contextmanager
def cold_caches() -> Iterator[None]:
    """Give the processes started meanwhile an empty cache, so that each compiles all it needs."""
    before = {name: value for name, value in os.environ.items() if name == "XDG_CACHE_HOME"}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        try:
            yield
        finally:
            del os.environ["XDG_CACHE_HOME"]
            os.environ.update(before)
