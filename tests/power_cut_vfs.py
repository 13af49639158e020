"""A disk for SQLite that loses power: what was not synced is forgotten, in part or whole."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import apsw


@dataclass(slots=True)
class _Platter:
    """What is on the disk for certain of one file, and the writes that may be lost."""

    durable: bytearray
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        for offset, data in self.pending:
            _apply(self.durable, offset, data)
        self.pending.clear()

    def after_cut(self, dice: random.Random) -> bytes:
        """All that was synced, and of the rest what the dice say, in any order of survival."""
        image = bytearray(self.durable)
        survival = dice.choice((0.0, 0.0, 0.5, 0.9))
        for offset, data in self.pending:
            if dice.random() < survival:
                _apply(image, offset, data)
        return bytes(image)


class PowerCutVFS(apsw.VFS):
    """Passes everything on to the system's files, and knows what a power cut would leave of them.

    `on_call` is called within each write and sync of SQLite, where a cut can be taken. There is no
    shared memory: a connection has to be exclusive.
    """

    def __init__(self, name: str, on_call: Callable[[], None]) -> None:
        self.name = name
        self.on_call = on_call
        self.platters: dict[Path, _Platter] = {}
        super().__init__(name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> "_File":  # noqa: N802 - SQLite's name
        return _File(self, name, flags)

    def cut(self, directory: Path, dice: random.Random) -> None:
        """Write into `directory` what would be found after a power cut at this instant."""
        for path, platter in self.platters.items():
            if path.exists():
                (directory / path.name).write_bytes(platter.after_cut(dice))


class _File(apsw.VFSFile):
    def __init__(
        self, vfs: PowerCutVFS, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        super().__init__("", name, flags)
        self._vfs = vfs
        self._platter = _Platter(bytearray())
        if name is not None:  # None: a temporary file
            path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name)
            self._platter.durable += path.read_bytes()
            vfs.platters[path] = self._platter

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        self._vfs.on_call()
        super().xWrite(data, offset)
        self._platter.pending.append((offset, bytes(data)))

    def xTruncate(self, size: int) -> None:  # noqa: N802 - SQLite's name
        self._vfs.on_call()
        super().xTruncate(size)
        self._platter.pending.append((size, None))

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        self._vfs.on_call()
        super().xSync(flags)
        self._platter.sync()


def _apply(image: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del image[offset:]
        return
    image.extend(bytes(max(0, offset - len(image))))
    image[offset : offset + len(data)] = data
