"""What a fixture left open: its connections and ports, its threads, its files."""

import os
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

_DESCRIPTORS = Path("/proc/self/fd")
_CONNECTIONS = Path("/proc/self/net/tcp")
_SOCKET = re.compile(r"socket:\[(\d+)\]")


class Leak(AssertionError):
    """A test left something of trio-wa's open; the message names it."""


def refuse_leaks(
    fixture: str, *, ports: Sequence[int] = (), files: Sequence[Path] = (), threads: str = ""
) -> None:
    """Raise `Leak` if this process still has a socket on one of `ports`, or one of `files`, open.

    So does a living thread whose name begins with `threads`. Sockets and files are seen on Linux
    only.
    """
    left = [*_sockets(ports), *_open_files(files), *_threads(threads)]
    if left:
        raise Leak(f"{fixture} was left with {'; '.join(left)}. Close it before the test ends")


def _sockets(ports: Sequence[int]) -> Iterator[str]:
    if not ports or not _CONNECTIONS.exists():
        return
    ours = {match[1] for path in _descriptors() if (match := _SOCKET.fullmatch(path))}
    for line in _CONNECTIONS.read_text(encoding="ascii").splitlines()[1:]:
        columns = line.split()
        local, remote = (int(columns[n].rpartition(":")[2], 16) for n in (1, 2))
        if columns[9] not in ours:
            continue
        if local in ports:
            yield f"an open socket on its port {local}"
        elif remote in ports:
            yield f"an open connection to its port {remote}"


def _open_files(files: Sequence[Path]) -> Iterator[str]:
    names = tuple(str(path) for path in files)
    if names:
        yield from (f"{path} open" for path in _descriptors() if path.startswith(names))


def _threads(prefix: str) -> Iterator[str]:
    if prefix:
        names = (thread.name for thread in threading.enumerate())
        yield from (f"the thread {name}" for name in names if name.startswith(prefix))


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
