"""A disk for SQLite that fails on demand."""

from pathlib import Path

import apsw

from tests.power_cut_vfs import PowerCutVFS
from trio_wa.adapters.sqlite.opening import Mode


class FaultyDisk:
    """While `error` is set, each write and sync of SQLite ends in it. `calls` counts them."""

    def __init__(self, path: Path) -> None:
        self.error: apsw.Error | None = None
        self.calls = 0
        self._vfs = PowerCutVFS(f"faulty-{path}", self._called)
        self.mode = Mode(vfs=self._vfs.name, exclusive=True)

    def _called(self) -> None:
        self.calls += 1
        if self.error is not None:
            raise self.error
