"""Every content comes out of the store on disk as it went in."""

from math import isfinite

import apsw
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trio_wa.adapters.content_json import read_content, write_content
from trio_wa.core.content import Content, File, Image, Location, Poll, Text

ANY_TEXT = st.text(st.characters())
"""Lone surrogates too."""

CONTENTS = st.one_of(
    st.from_type(Content),  # type: ignore[arg-type]  # it takes unions, its annotation does not
    st.builds(Text, ANY_TEXT, reply_to=st.none() | ANY_TEXT),
    st.builds(Image, st.builds(File, ANY_TEXT), ANY_TEXT),
    st.builds(Poll, ANY_TEXT, st.lists(ANY_TEXT).map(tuple)),
)


def through_the_database(content: Content) -> Content:
    """What comes out of a column of text."""
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE contents (kind TEXT, text TEXT) STRICT")
    connection.execute("INSERT INTO contents VALUES (?, ?)", write_content(content))
    ((kind, text),) = connection.execute("SELECT kind, text FROM contents")
    return read_content(kind, text)


@given(CONTENTS)
def test_every_content_survives(content: Content) -> None:
    assume(not isinstance(content, Location) or isfinite(content.latitude + content.longitude))
    assert through_the_database(content) == content


@pytest.mark.parametrize("text", ["", "Hello", "안녕 😀", '{"kind":"poll"}', "a\0b"])
def test_a_plain_text_is_written_as_it_is(text: str) -> None:
    assert write_content(Text(text)) == (None, text)


@pytest.mark.parametrize(
    "content",
    [
        Text("Hello", reply_to="false_1@c.us_A"),
        Text("Hello", mentions=("all",)),
        Text("Hello", link_preview=False),
        Text("Hello", link_preview_high_quality=False),
    ],
    ids=["reply_to", "mentions", "link_preview", "link_preview_high_quality"],
)
def test_a_text_with_one_more_member_is_written_with_it(content: Text) -> None:
    kind, text = write_content(content)
    assert kind == "text"
    assert read_content(kind, text) == content
