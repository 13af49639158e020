"""An answer is read the same however it is cut, and nothing that comes in its place gets far."""

import itertools

import httpx
import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from tests.fakes import http_answer
from trio_wa.adapters.waha.exchange import ANSWER_BYTES
from trio_wa.adapters.waha.reply import FRAMED_BYTES, HEAD_BYTES, Reply

PIECE = 16_384
OK = http_answer("200 OK", b'{"id":"3EB0"}', "Retry-After: 5")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nRetry-After: 5\r\n\r\n"
CHUNKS = b'4;a=b\r\n{"id\r\n9\r\n":"3EB0"}\r\n0\r\n'
CONTINUE = b"HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\n"
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
ANSWERS = {
    "length": (OK, True),
    "chunked": (CHUNKED + CHUNKS + b"\r\n", True),
    "trailers": (CHUNKED + CHUNKS + b"X-Sum: 1\r\n\r\n", True),
    "continue": (CONTINUE + OK, True),
    "hints": (CONTINUE + EARLY_HINTS + CHUNKED + CHUNKS + b"\r\n", True),
    "close": (
        http_answer("200 OK", b'{"id":"3EB0"}', "Retry-After: 5", "Connection: close"),
        False,
    ),
    "http-1.0": (OK.replace(b"HTTP/1.1", b"HTTP/1.0"), False),
    "kept-1.0": (
        OK.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"\r\n", b"\r\nConnection: Keep-Alive\r\n", 1),
        True,
    ),
}


def cut(data: bytes, at: list[int]) -> list[bytes]:
    """The pieces of `data` between some of its bytes."""
    ends = [0, *sorted({where % len(data) for where in at} - {0}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(ends)]


def read(pieces: list[bytes]) -> Reply:
    reply = Reply()
    for piece in pieces:
        reply.feed(piece)
    return reply


@given(st.sampled_from(sorted(ANSWERS)), st.lists(st.integers(1, 1000)))
@example("hints", list(range(1000)))
@example("trailers", list(range(1000)))
def test_an_answer_is_read_however_it_is_cut(name: str, at: list[int]) -> None:
    data, keep = ANSWERS[name]
    reply = Reply()
    for piece in cut(data, at):
        assert not reply.done
        reply.feed(piece)
    assert (reply.done, reply.keep, reply.status) == (True, keep, 200)
    assert reply.headers["retry-after"] == "5"
    assert reply.take_body() == b'{"id":"3EB0"}'


@given(st.lists(st.integers(1, 1000)), st.booleans())
def test_without_a_length_the_end_of_the_connection_is_its_end(at: list[int], old: bool) -> None:
    head = b"HTTP/1.0 200 OK\r\n\r\n" if old else b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    reply = read(cut(head + b"0123456789", at))
    assert not reply.done
    reply.feed(b"")
    assert (reply.done, reply.keep, reply.take_body()) == (True, False, b"0123456789")


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_an_answer_that_breaks_off_is_none(name: str) -> None:
    data, _ = ANSWERS[name]
    for end in range(1, len(data)):
        reply = read([data[:end]])
        assert not reply.done
        with pytest.raises(httpx.RemoteProtocolError):
            reply.feed(b"")
        assert reply.successful == (b"\r\n\r\n" in data[data.index(b"200 OK") : end])


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_what_has_no_body_ends_with_its_head(status: str) -> None:
    reply = read([f"HTTP/1.1 {status}\r\n\r\n".encode()])
    assert (reply.done, reply.keep, reply.take_body()) == (True, True, b"")


@pytest.mark.parametrize("behind", [OK, OK[:3], CONTINUE, b"garbage", b"\0"])
@pytest.mark.parametrize("name", ["length", "chunked", "close"])
def test_bytes_behind_an_answer_change_nothing_but_end_the_connection(
    name: str, behind: bytes
) -> None:
    reply = read([ANSWERS[name][0] + behind.replace(b"3EB0", b"FFFF")])
    assert (reply.done, reply.keep, reply.status) == (True, False, 200)
    assert reply.headers["retry-after"] == "5"
    assert reply.take_body() == b'{"id":"3EB0"}'


def test_a_header_may_hold_any_byte() -> None:
    reply = read([http_answer("200 OK", b"", "X-A: \xe9", "x-a: \u2603")])
    assert reply.headers["x-a"] == "\u2603".encode().decode("latin-1")
    assert dict(reply.raw_headers)[b"X-A"] == "\xe9".encode()


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\0",
        b"HTTP/1.1 200 OK\r\nA\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_what_is_no_answer_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        Reply().feed(data)


@given(st.binary(), st.sampled_from(sorted(ANSWERS)), st.integers(0), st.integers(0, 20))
def test_whatever_comes_raises_nothing_else(noise: bytes, name: str, at: int, gone: int) -> None:
    data, _ = ANSWERS[name]
    at %= len(data)
    reply = Reply()
    try:
        for piece in cut(data[:at] + noise + data[at + gone :] + b"\n", [at]):
            if not reply.done:
                reply.feed(piece)
        if not reply.done:
            reply.feed(b"")
    except httpx.RemoteProtocolError:
        assert not reply.keep
    assert isinstance(reply.take_body(), bytes)


@pytest.mark.parametrize(
    ("head", "more", "most"),
    [
        (b"HTTP/1.1 200 OK\r\nX: ", b"y" * PIECE, HEAD_BYTES),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * (PIECE // 6), HEAD_BYTES),
        (CONTINUE, CONTINUE * (PIECE // len(CONTINUE)), HEAD_BYTES),
        (CHUNKED + b"1;", b"y" * PIECE, FRAMED_BYTES),
        (CHUNKED + CHUNKS, b"X: y\r\n" * (PIECE // 6), FRAMED_BYTES),
        (CHUNKED + CHUNKS + b"X: ", b"y" * PIECE, FRAMED_BYTES),
    ],
    ids=["header", "headers", "continue", "extension", "trailers", "trailer"],
)
def test_a_flood_ends(head: bytes, more: bytes, most: int) -> None:
    reply = read([head])
    with pytest.raises(httpx.RemoteProtocolError):  # noqa: PT012 - after some of them
        for _ in range(most // len(more) + 2):
            reply.feed(more)


def test_of_a_long_body_a_megabyte_is_read() -> None:
    reply = read([http_answer("500 Internal Server Error", b"", length=10**12)])
    for _ in range(ANSWER_BYTES // PIECE):
        assert not reply.done
        reply.feed(b"x" * PIECE)
    assert not reply.done
    reply.feed(b"x")
    assert (reply.done, reply.keep) == (True, False)
    assert reply.take_body() == b"x" * (ANSWER_BYTES + 1)
    assert reply.take_body() == b""
