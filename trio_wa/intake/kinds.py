"""The kinds of message without a file, as callers send them."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from trio_wa.core import content
from trio_wa.core.contacts import is_person
from trio_wa.intake.schemas import Address, Body, Members, Mentions, NonEmpty


class TextBody(Body):
    """A text."""

    type: Literal["text"]
    message: NonEmpty
    reply_to: NonEmpty | None = None
    mentions: Mentions | None = None
    link_preview: bool | None = None
    link_preview_high_quality: bool | None = None

    def content(self) -> content.Text:
        """The text."""
        return content.Text(
            self.message,
            self.reply_to,
            tuple(self.mentions or ()),
            self.link_preview,
            self.link_preview_high_quality,
        )


class PollMembers(Members):
    """What is asked, and what can be answered."""

    name: NonEmpty
    options: Annotated[list[NonEmpty], Field(min_length=2, max_length=12)]
    multiple_answers: bool | None = None

    @field_validator("options")
    @classmethod
    def _differ(cls, options: list[str]) -> list[str]:
        if len(set(options)) < len(options):
            raise ValueError("must differ from each other")
        return options


class PollBody(Body):
    """A poll."""

    type: Literal["poll"]
    poll: PollMembers
    reply_to: NonEmpty | None = None

    def content(self) -> content.Poll:
        """The poll."""
        poll = self.poll
        return content.Poll(
            poll.name, tuple(poll.options), bool(poll.multiple_answers), self.reply_to
        )


class LocationBody(Body):
    """A place on the map."""

    type: Literal["location"]
    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    title: str | None = None
    reply_to: NonEmpty | None = None

    def content(self) -> content.Location:
        """The place."""
        return content.Location(self.latitude, self.longitude, self.title, self.reply_to)


class CardMembers(Members):
    """Somebody's card, or what WAHA makes one of."""

    vcard: NonEmpty | None = None
    full_name: NonEmpty | None = None
    phone_number: NonEmpty | None = None
    organization: NonEmpty | None = None
    whatsapp_id: NonEmpty | None = None

    @field_validator("vcard")
    @classmethod
    def _begins(cls, vcard: str | None) -> str | None:
        if vcard is not None and not vcard.upper().startswith("BEGIN:VCARD"):
            raise ValueError("must begin with BEGIN:VCARD")
        return vcard

    @model_validator(mode="after")
    def _is_somebody(self) -> "CardMembers":
        named = self.full_name is not None and self.phone_number is not None
        if self.vcard is None and not named:
            raise ValueError("must have full_name and phone_number, or vcard")
        return self

    def content(self) -> content.Person | content.Vcard:
        """The card; a whole one counts before what else there is."""
        if self.vcard is not None:
            return content.Vcard(self.vcard)
        name, number = self.full_name or "", self.phone_number or ""  # there are both
        return content.Person(name, number, self.organization, self.whatsapp_id)


class ContactBody(Body):
    """Cards of people."""

    type: Literal["contact"]
    contacts: Annotated[list[CardMembers], Field(min_length=1)]
    reply_to: NonEmpty | None = None

    def content(self) -> content.Contacts:
        """The cards."""
        return content.Contacts(tuple(card.content() for card in self.contacts), self.reply_to)


class RowMembers(Members):
    """A choice in a list."""

    title: NonEmpty
    row_id: NonEmpty
    description: str | None = None


class SectionMembers(Members):
    """A group of choices in a list."""

    title: NonEmpty
    rows: Annotated[list[RowMembers], Field(min_length=1)]

    def content(self) -> content.Section:
        """The group."""
        rows = (content.Row(row.title, row.row_id, row.description) for row in self.rows)
        return content.Section(self.title, tuple(rows))


class MenuMembers(Members):
    """A list, behind a button."""

    title: NonEmpty
    description: str | None = None
    footer: str | None = None
    button: NonEmpty
    sections: Annotated[list[SectionMembers], Field(min_length=1)]

    @field_validator("sections")
    @classmethod
    def _rows_differ(cls, sections: list[SectionMembers]) -> list[SectionMembers]:
        ids = [row.row_id for section in sections for row in section.rows]
        if len(set(ids)) < len(ids):
            raise ValueError("must have a row_id of its own for each row")
        return sections


class MenuBody(Body):
    """A list, for a person."""

    type: Literal["list"]
    message: MenuMembers
    reply_to: NonEmpty | None = None

    @field_validator("to")
    @classmethod
    def _is_a_person(cls, to: Address) -> Address:
        if not is_person(to.chat_id):
            raise ValueError("must be a person for type list: WAHA sends lists to no others")
        return to

    def content(self) -> content.Menu:
        """The list."""
        menu = self.message
        return content.Menu(
            menu.title,
            menu.button,
            tuple(section.content() for section in menu.sections),
            menu.description,
            menu.footer,
            self.reply_to,
        )


class ForwardBody(Body):
    """A message that a chat holds already."""

    type: Literal["forward"]
    message_id: NonEmpty

    def content(self) -> content.Forward:
        """The message to be forwarded."""
        return content.Forward(self.message_id)
