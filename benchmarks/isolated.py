"""One process per measurement: memory goes back, caches start alike, and what takes too long can be stopped."""

import multiprocessing
from collections.abc import Callable
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
