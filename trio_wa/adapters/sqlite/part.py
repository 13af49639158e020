"""The part of the store that every other is made of."""

from trio_wa.adapters.sqlite.readers import Readers
from trio_wa.adapters.sqlite.writer import Writer


class Part:
    """What the parts of the store share: one writer and a few readers."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers
