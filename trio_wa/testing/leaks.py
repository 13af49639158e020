"""What a fixture left open: its connections and ports, its threads, its files."""

import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_DESCRIPTORS = Path("/proc/self/fd")
_CONNECTIONS = Path("/proc/self/net/tcp")
_AT_WORK = " from "  # so Trio names a thread while it works for a task
_SOCKET = re.compile(r"socket:\[(\d+)\]")


GRACE_SECONDS = 1.0


class Leak(AssertionError):
    """Something of a fixture's is open after it; the message names it."""


@contextmanager
def no_leaks(
    fixture: str, *, served: int, reached: int | None = None, files: Sequence[Path] = ()
) -> Iterator[None]:
    """Raise `Leak` if this process has something open after the context that it should not.

    That is a socket on the port `served`, a connection to the port `reached`, a file whose path
    begins as one of `files`, or a thread in which a function of a Trio run, begun in the context,
    still works. What is just ending has a moment for it. Sockets and files are seen on Linux only.
    """
    before = frozenset(threading.enumerate())
    yield
    deadline = time.monotonic() + GRACE_SECONDS
    while left := [*_sockets(served, reached), *_open_files(files), *_at_work(before)]:
        if time.monotonic() > deadline:
            raise Leak(f"after the test {fixture} has {'; '.join(left)}")
        time.sleep(0.01)


def _sockets(served: int, reached: int | None) -> Iterator[str]:
    if not _CONNECTIONS.exists():
        return
    ours = {match[1] for path in _descriptors() if (match := _SOCKET.fullmatch(path))}
    for line in _CONNECTIONS.read_text(encoding="ascii").splitlines()[1:]:
        columns = line.split()
        local, remote = (int(columns[n].rpartition(":")[2], 16) for n in (1, 2))
        if columns[9] not in ours:
            continue
        if local == served:
            yield f"a socket open on its port {local}"
        elif remote == reached:
            yield f"a connection open to its port {remote}"


def _open_files(files: Sequence[Path]) -> Iterator[str]:
    names = tuple(str(path) for path in files)
    if names:
        yield from (f"{path} still open" for path in _descriptors() if path.startswith(names))


def threads_at_work(before: frozenset[threading.Thread] = frozenset()) -> Iterator[str]:
    """The functions that Trio runs in threads now, each with the task that waits for it."""
    for thread in threading.enumerate():
        if thread not in before and _AT_WORK in thread.name:
            yield thread.name


def _at_work(before: frozenset[threading.Thread]) -> Iterator[str]:
    yield from (f"the thread {name!r} at work" for name in threads_at_work(before))


def _descriptors() -> list[str]:
    if not _DESCRIPTORS.exists():
        return []
    paths = []
    for descriptor in os.listdir(_DESCRIPTORS):
        try:
            paths.append(os.readlink(_DESCRIPTORS / descriptor))
        except OSError:  # the descriptor of this very listing
            continue
    return paths
