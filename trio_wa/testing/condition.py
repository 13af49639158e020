"""For which messages a test waits."""

import re
from dataclasses import dataclass

from trio_wa.simulator import Delivered

Text = str | re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Condition:
    """What a message has to meet: its chat, its session, and what its text holds.

    `text` is a part of the text, or a pattern found in it; None leaves a member open.
    """

    chat_id: str | None
    text: Text | None
    session: str | None

    def holds(self, message: Delivered) -> bool:
        """Whether `message` meets it."""
        return (
            self.chat_id in (None, message.chat_id)
            and self.session in (None, message.session)
            and self._fits(message.text or "")
        )

    def wording(self, count: int) -> str:
        """How to call `count` of such messages."""
        what = "message" if count == 1 else f"{count} messages"
        if self.chat_id is not None:
            what += f" to {self.chat_id}"
        if isinstance(self.text, re.Pattern):
            what += f" whose text matches {self.text.pattern!r}"
        elif self.text is not None:
            what += f" with {self.text!r} in its text"
        return what if self.session is None else f"{what} over {self.session}"

    def _fits(self, whole: str) -> bool:
        if isinstance(self.text, re.Pattern):
            return self.text.search(whole) is not None
        return self.text is None or self.text in whole
