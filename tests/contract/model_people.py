"""Who is whom, and who wants no messages: for the model of a store."""

from dataclasses import dataclass, field

from trio_wa.ports import Draft, Suppression


@dataclass(slots=True)
class People:
    """Under which chat ids WhatsApp knows people, and the list by chat id."""

    known_as: dict[str, str] = field(default_factory=dict)
    listed: dict[str, Suppression] = field(default_factory=dict)

    def same(self, one: str, other: str) -> bool:
        """Whether two chat ids are one person's."""
        of_one, of_other = self.known_as.get(one, one), self.known_as.get(other, other)
        return of_one in (of_other, other) or of_other == one

    def entries(self, chat_id: str) -> list[Suppression]:
        """What is on the list of a person."""
        return [entry for listed, entry in self.listed.items() if self.same(listed, chat_id)]

    def refuse(self, draft: Draft) -> bool:
        """Whether a message is not wanted."""
        return bool(self.entries(draft.chat_id)) and not draft.ignore_suppression

    def allow(self, chat_id: str) -> bool:
        entries = self.entries(chat_id)
        for entry in entries:
            del self.listed[entry.chat_id]
        return bool(entries)
