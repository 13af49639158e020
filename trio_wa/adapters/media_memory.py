"""The data of files in memory: for `JOURNAL_PATH=:memory:`, and under a virtual clock."""

from collections.abc import Mapping, Sequence

import trio


class MemoryMedia:
    """Keeps data as long as the process lives; a call that is cancelled changes nothing."""

    def __init__(self) -> None:
        self._data: dict[str, bytes] = {}

    async def put(self, data: Mapping[str, bytes]) -> None:
        """Keep the data of new messages."""
        await trio.lowlevel.checkpoint()
        self._data.update(data)

    async def read(self, message_id: str) -> bytes | None:
        """The data of a message; None if they are gone."""
        await trio.lowlevel.checkpoint()
        return self._data.get(message_id)

    async def remove(self, message_ids: Sequence[str]) -> None:
        """Remove data; what is gone already does not matter."""
        await trio.lowlevel.checkpoint()
        for message_id in message_ids:
            self._data.pop(message_id, None)

    async def kept(self) -> Sequence[str]:
        """The ids of the messages whose data are kept."""
        await trio.lowlevel.checkpoint()
        return list(self._data)
