import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_wa.core.session import Session, base_url, parse_sessions

WAHA = "http://waha:3000"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://localhost:3000/", "http://localhost:3000"),
        (" https://example.com/waha/ ", "https://example.com/waha"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("http://waha_1", "http://waha_1"),
        ("HTTP://waha", "HTTP://waha"),
        ("http://waha.local.:3000", "http://waha.local.:3000"),
        (f"http://{'a' * 63}.b", f"http://{'a' * 63}.b"),
        ("http://bücher.example", "http://bücher.example"),
    ],
)
def test_a_base_url_has_no_trailing_slash(text: str, url: str) -> None:
    assert base_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost:3000",
        "//waha",
        "ftp://waha",
        "http://",
        "http:///x",
        "http://:3000",
        "http://waha:x",
        "http://waha:70000",
        "http://waha:0",
        "http://[::1",
        "http://a b",
        "http://wa\nha",
        "http://${HOST}:3000",
        "http://waha\\x",
        "http:waha",
        "http://a,b",
        "http://waha..local:3000",
        "http://.waha",
        "http://.",
        "http://waha..",
        f"http://{'a' * 64}.example/x",
        f"http://x.{'a' * 64}",
        f"http://{'ü' * 60}.example",
    ],
)
def test_a_base_url_needs_a_scheme_and_a_host(text: str) -> None:
    with pytest.raises(ValueError, match="must be an http or https URL with a host"):
        base_url(text)


@pytest.mark.parametrize("text", ["http://waha/?x=1", "http://waha?", "http://waha#x"])
def test_a_base_url_has_no_query_and_no_fragment(text: str) -> None:
    with pytest.raises(ValueError, match="without a query or fragment"):
        base_url(text)


@pytest.mark.parametrize("text", ["http://user:pw@waha", "http://user@waha", "http://@waha"])
def test_a_base_url_holds_no_credentials(text: str) -> None:
    with pytest.raises(ValueError, match="must not hold a user name or password"):
        base_url(text)


def test_sessions_keep_their_order_and_their_own_waha() -> None:
    text = " default, marketing@http://other:3000/ ,support@https://third/waha"
    assert parse_sessions(text, WAHA) == (
        Session("default", WAHA),
        Session("marketing", "http://other:3000"),
        Session("support", "https://third/waha"),
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "none of them empty"),
        ("a,,b", "none of them empty"),
        ("a,", "none of them empty"),
        ("@http://waha", "none of them empty"),
        ("my session", "must not name 'my session'"),
        ("a/b", "must not name 'a/b'"),
        ("..", r"must not name '\.\.'"),
        ("a\x07", r"must not name 'a\\x07'"),
        ("a,b,a", "names 'a' twice"),
        ("a,a@http://other", "names 'a' twice"),
        ("a@", "behind a@, whose URL must be an http or https URL"),
        ("a@other:3000", "behind a@, whose URL must be an http or https URL"),
        ("a@b@c", "behind a@, whose URL must be an http or https URL"),
    ],
)
def test_refuses_a_wrong_list_of_sessions(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_sessions(text, WAHA)


@given(st.lists(st.from_regex(r"[A-Za-z0-9_.-]*[A-Za-z0-9_-]", fullmatch=True), min_size=1))
def test_any_plain_names_are_sessions_once_each(names: list[str]) -> None:
    unique = list(dict.fromkeys(names))
    assert [session.name for session in parse_sessions(",".join(unique), WAHA)] == unique


@given(
    st.text("a1._-:%ü\u0661中", min_size=1, max_size=6), st.sampled_from(["", "a" * 61, "ü" * 55])
)
def test_no_url_has_a_host_that_python_cannot_look_up(start: str, end: str) -> None:
    try:
        url = base_url(f"http://{start}{end}")
        host = httpx.URL(url).raw_host.decode("ascii")
    except (ValueError, httpx.InvalidURL):
        return
    assert host.encode("idna")


@given(st.text())
def test_junk_raises_nothing_but_value_error(text: str) -> None:
    try:
        sessions = parse_sessions(text, WAHA)
    except ValueError:
        return
    assert all(session.url == session.url.rstrip("/") for session in sessions)
