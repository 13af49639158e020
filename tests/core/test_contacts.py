"""Which recipients a session would write to for the first time."""

from dataclasses import replace

import pytest

from tests.core.messages import message
from trio_wa.core.contacts import RECIPIENTS, Contacts


@pytest.mark.parametrize("chat_id", ["628123@c.us", "628123@s.whatsapp.net", "77@lid"])
def test_a_person_is_new_to_each_session_that_never_wrote_to_them(chat_id: str) -> None:
    contacts = Contacts()
    written_to = replace(message(1, to=chat_id), known_to=("a",))
    assert not contacts.is_new("a", written_to)
    assert contacts.is_new("b", written_to)


@pytest.mark.parametrize("chat_id", ["1203@g.us", "status@broadcast", "1203@newsletter"])
def test_groups_and_channels_are_never_new(chat_id: str) -> None:
    contacts = Contacts()
    assert not contacts.is_new("a", message(1, to=chat_id))
    contacts.learn("a", chat_id, known=False)
    assert not contacts.is_new("a", message(1, to=chat_id))


def test_what_was_learned_since_holds_for_that_session_and_recipient_alone() -> None:
    contacts = Contacts()
    contacts.learn("a", "1@c.us", known=True)
    assert not contacts.is_new("a", message(1, to="1@c.us"))
    assert contacts.is_new("b", message(1, to="1@c.us"))
    assert contacts.is_new("a", message(1, to="2@c.us"))


def test_what_whatsapp_says_overrules_what_the_store_knew_until_something_newer_comes() -> None:
    contacts = Contacts()
    written_to = replace(message(1), known_to=("a", "b"))
    contacts.learn("a", written_to.chat_id, known=False)
    assert contacts.is_new("a", written_to)
    assert not contacts.is_new("b", written_to)
    contacts.learn("a", written_to.chat_id, known=True)
    assert not contacts.is_new("a", written_to)


def test_the_recipients_of_whom_nothing_was_learned_for_longest_are_forgotten() -> None:
    contacts = Contacts()
    contacts.learn("a", "first@c.us", known=True)
    contacts.learn("a", "second@c.us", known=True)
    for number in range(RECIPIENTS - 2):
        contacts.learn("a", f"{number}@c.us", known=True)
    contacts.learn("b", "first@c.us", known=True)
    contacts.learn("a", "one-more@c.us", known=True)
    assert not contacts.is_new("a", message(1, to="first@c.us"))
    assert contacts.is_new("a", message(1, to="second@c.us"))
    assert len(contacts._news) == RECIPIENTS
