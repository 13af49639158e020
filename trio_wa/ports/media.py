"""Where the data of files are kept until their message is settled."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class MediaStore(Protocol):
    """The data that came with messages, under the messages' ids, beside the store.

    They are there before their message is recorded, and are removed once it is settled. What they
    belong to is the store's to know: a crash in between leaves data of no message, never a message
    without its data.
    """

    async def put(self, data: Mapping[str, bytes]) -> None:
        """Keep the data of new messages, by message id; durable on return, where the store is.

        All or none of them. Raises StoreUnavailable.
        """

    async def read(self, message_id: str) -> bytes | None:
        """The data of a message; None if they are gone. Raises StoreUnavailable."""

    async def remove(self, message_ids: Sequence[str]) -> None:
        """Remove data; what is gone already does not matter. Raises StoreUnavailable."""

    async def kept(self) -> Sequence[str]:
        """The ids of the messages whose data are kept. Raises StoreUnavailable."""
