"""Removes the data of files once their message is settled, or where no message came of them."""

import structlog
import trio

from trio_wa.ports import MediaStore, Store, StoreUnavailable

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 5.0
"""How long data may stay once their message is settled, and a failing disk is left alone."""

CHUNK = 200
"""Messages at a time: no accept waits noticeably for them."""

PAUSE_SECONDS = 0.05
"""After each chunk, so that the accepts that gathered meanwhile go first."""


class MediaKeeper:
    """Removes data that nothing will send any more, and never what may still be sent."""

    def __init__(self, store: Store, media: MediaStore) -> None:
        self._store = store
        self._media = media
        self._suspects: list[str] = []
        self._failing = False

    async def look(self) -> None:
        """Note what is kept, before anything new is: a crash may have left data of no message.

        Where that cannot be read now, the next start finds it.
        """
        try:
            self._suspects.extend(await self._media.kept())
        except StoreUnavailable as error:
            log.warning("media.not_looked_at", reason=str(error))

    async def run(self) -> None:
        """Sweep at once, and then every few seconds until cancelled."""
        while True:
            try:
                await self._sweep()
                self._failing = False
            except StoreUnavailable as error:
                if not self._failing:
                    log.warning("media.not_removed", reason=str(error))
                self._failing = True
            await trio.sleep(SWEEP_SECONDS)

    async def _sweep(self) -> None:
        while chunk := self._suspects[-CHUNK:]:
            held = await self._store.holding_data(chunk)
            await self._media.remove([each for each in chunk if each not in held])
            del self._suspects[-CHUNK:]
            await trio.sleep(PAUSE_SECONDS)
        while spent := await self._store.spent_data(CHUNK):
            await self._media.remove(spent)
            await self._store.forget_data(spent)
            await trio.sleep(PAUSE_SECONDS)
