"""Lets WAHA tell this service of what happens: its webhook, registered with every session."""

import structlog
import trio

from trio_wa.core.session import Session
from trio_wa.ports import Observer, Refusal

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 30.0
"""How long a session that could not be told is left alone."""


class Registration:
    """Registers the webhook `url` with each session, once, as soon as that can be done."""

    def __init__(self, observer: Observer, *, url: str, secret: str | None) -> None:
        self._observer = observer
        self._url = url
        self._secret = secret

    async def register(self, session: Session) -> None:
        """Try until WAHA has it; a session whose configuration changes is restarted by WAHA."""
        said = None
        while True:
            answer = await self._observer.register_webhook(session, self._url, self._secret)
            if not isinstance(answer, Refusal):
                log.info("webhook.registered", session=session.name, url=self._url, new=answer)
                return
            if answer != said:
                log.warning("webhook.refused", session=session.name, reason=answer.detail)
            said = answer
            await trio.sleep(AGAIN_SECONDS)
