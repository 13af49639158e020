import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from tests.desk import Answer, Desk, entry, settings_of
from trio_wa.cli import main
from trio_wa.config import Settings, SettingsError, load_settings
from trio_wa.config.api_keys import SCOPES, ApiKey, Scope, parse_api_keys
from trio_wa.core.status import Status
from trio_wa.intake.exposure import check_exposure, describe_access
from trio_wa.intake.keys import Keys, KeysDiffer, presented_key
from trio_wa.intake.locality import loopback_address, loopback_authority

HELLO = {"to": "6281234567890", "message": "Hello"}
DIGEST = hashlib.sha256(b"letmein").hexdigest()
KEYS = ",".join(
    [
        entry("sender", "send"),
        entry("reader", "read"),
        entry("both", "send+read"),
        entry("root", "admin"),
        entry("bound", "send+read", "b"),
        entry("other", "send+read"),
    ]
)
ROUTES: list[tuple[str, str, Scope]] = [
    ("POST", "/send", "send"),
    ("POST", "/send/batch", "send"),
    ("GET", "/messages", "read"),
    ("GET", "/suppressions", "read"),
    ("GET", "/messages/{}", "read"),
    ("HEAD", "/messages/{}", "read"),
    ("POST", "/messages/{}/cancel", "send"),
    ("POST", "/messages/{}/retry", "send"),
    ("POST", "/messages/retry", "send"),
    ("GET", "/alerts", "read"),
    ("GET", "/ledger", "admin"),
    ("GET", "/sessions", "read"),
    ("POST", "/sessions/b/pause", "admin"),
    ("POST", "/sessions/b/resume", "admin"),
    ("POST", "/sessions/b/restart", "admin"),
    ("POST", "/webhooks/waha", "admin"),
]
QR_CODE = "/sessions/b/qr"  # answered with a picture
PERSON = "/suppressions/6281234567899"
LISTED: list[tuple[str, Scope]] = [("PUT", "send"), ("GET", "read"), ("DELETE", "admin")]
EVENT = {"id": "evt_1", "timestamp": 1_795_489_115_687, "event": "message", "session": "a"}
OTHER_MACHINE: dict[str, Any] = {"peer": "192.0.2.7"}
PROXY_HEADERS = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "via",
]


@pytest.fixture(autouse=True)
def environment(tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """An environment without settings, and a working directory without a `.env`."""
    with pytest.MonkeyPatch.context() as patch:
        for name in Settings.model_fields:
            patch.delenv(name.upper(), raising=False)
        patch.chdir(tmp_path)
        yield patch


async def ask(desk: Desk, method: str, path: str, message_id: str, **asking: Any) -> Answer:
    bodies: dict[str, Any] = {"/send": HELLO, "/send/batch": [HELLO], "/webhooks/waha": EVENT}
    sent = bodies.get(path, {"status": "failed"}) if method == "POST" else None
    return await desk.ask(method, path.format(message_id), given=sent, **asking)


def problem_of(**variables: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        settings_of(**variables)
    (line,) = str(caught.value).splitlines()
    return line


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
async def test_each_route_takes_its_scope_and_nothing_less(
    method: str, path: str, scope: Scope
) -> None:
    desk = Desk(api_keys=KEYS)
    message_id = await desk.send_and_end(Status.FAILED, by="both")

    for headers in ({}, {"x-api-key": "key-of-nobody"}, {"authorization": "Basic a2V5"}):
        refused = await ask(desk, method, path, message_id, headers=headers)
        assert refused.status == 401
        assert refused.headers["WWW-Authenticate"] == "Bearer"
        assert refused.code == ("key_unknown" if "x-api-key" in headers else "key_missing")

    for name, scopes in (("sender", ["send"]), ("reader", ["read"]), ("both", ["send", "read"])):
        answer = await ask(desk, method, path, message_id, by=name)
        assert answer.status == 403 if scope not in scopes else answer.status not in (401, 403)
        if answer.status == 403:
            assert answer.code == "scope_missing"
            assert f"the scope {scope}" in answer.body["detail"]

    assert (await ask(desk, method, path, message_id, by="root")).status in (200, 202, 409)


async def test_a_batch_is_shown_and_cancelled_by_its_scopes_and_its_owner_alone() -> None:
    desk = Desk(api_keys=KEYS)
    batch = (await desk.ask("POST", "/send/batch", given=[HELLO], by="both")).body["id"]
    for method, path in (("GET", f"/batches/{batch}"), ("POST", f"/batches/{batch}/cancel")):
        refused = "sender" if method == "GET" else "reader"
        assert (await desk.ask(method, path)).status == 401
        assert (await desk.ask(method, path, by=refused)).status == 403
        assert (await desk.ask(method, path, by="other")).status == 404
        for name in ("both", "root"):
            assert (await desk.ask(method, path, by=name)).status == 200


@pytest.mark.parametrize(("method", "scope"), LISTED)
async def test_the_list_is_changed_by_its_scopes_alone(method: str, scope: Scope) -> None:
    desk = Desk(api_keys=KEYS)
    assert (await desk.fetch("PUT", PERSON, by="sender")).status == 201
    assert (await desk.fetch(method, PERSON)).status == 401
    for name, scopes in (("sender", ["send"]), ("reader", ["read"]), ("root", [scope])):
        answer = await desk.fetch(method, PERSON, by=name)
        assert answer.status in ((200, 204) if scope in scopes else (403,))


async def test_the_table_of_routes_is_whole() -> None:
    plain = {path for path in Desk().intake._plain if path not in ("/livez", "/readyz")}
    patterned = [pattern for pattern, _ in Desk().intake._patterns]
    tested = {path for _, path, _ in ROUTES} | {
        QR_CODE,
        PERSON,
        "/batches/{}",
        "/batches/{}/cancel",
    }
    assert plain <= tested
    for pattern in patterned:
        assert any(pattern.fullmatch(path) for path in tested)


async def test_the_picture_that_links_a_phone_is_for_admins() -> None:
    desk = Desk(api_keys=KEYS)
    assert (await desk.ask("GET", QR_CODE)).status == 401
    assert (await desk.ask("GET", QR_CODE, by="both")).status == 403
    assert (await desk.fetch("GET", QR_CODE, by="root")).status == 200
    assert (await Desk().ask("GET", QR_CODE, **OTHER_MACHINE)).status == 401


@pytest.mark.parametrize("keys", [None, KEYS])
async def test_an_unsigned_webhook_is_told_that_a_secret_would_let_it_in(keys: str | None) -> None:
    desk = Desk(api_keys=keys)
    answer = await desk.ask("POST", "/webhooks/waha", given=EVENT, **OTHER_MACHINE)
    assert (answer.status, answer.code) == (401, "key_missing")
    assert "WAHA_WEBHOOK_SECRET" in answer.body["detail"]
    assert desk.events.signs == []


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
@pytest.mark.parametrize("asking", [{}, OTHER_MACHINE, {"headers": {"via": "1.1 proxy"}}])
@pytest.mark.parametrize("keys", [None, KEYS])
async def test_health_needs_no_key(path: str, asking: dict[str, Any], keys: str | None) -> None:
    assert (await Desk(api_keys=keys).ask("GET", path, **asking)).status == 200


@pytest.mark.parametrize("path", ["/", "/admin", "/messages/x/y", "/send/"])
async def test_without_a_key_nothing_is_told_of_what_there_is(path: str) -> None:
    desk = Desk(api_keys=KEYS)
    assert (await desk.ask("GET", path)).status == 401
    assert (await desk.ask("GET", path, by="nobody")).status == 401
    assert (await desk.ask("GET", path, by="sender")).status == 404
    assert (await Desk().ask("GET", path, **OTHER_MACHINE)).status == 401


async def test_a_wrong_method_is_told_to_those_who_may_use_the_right_one() -> None:
    desk = Desk(api_keys=KEYS)
    assert (await desk.ask("PUT", "/send")).status == 401
    assert (await desk.ask("PUT", "/send", by="reader")).status == 403
    assert (await desk.ask("PUT", "/send", by="sender")).status == 405


async def test_the_body_does_not_matter_before_the_key() -> None:
    answer = await Desk(api_keys=KEYS).ask("POST", "/send", given=b"\xff")
    assert answer.status == 401


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
async def test_a_message_of_another_key_does_not_exist(
    method: str, path: str, scope: Scope
) -> None:
    desk = Desk(api_keys=KEYS)
    message_id = await desk.send_and_end(Status.FAILED, by="both")
    if path.startswith("/messages/{}"):
        answer = await ask(desk, method, path, message_id, by="other")
        unknown = await ask(desk, method, path, "no-such-message", by="other")
        assert (answer.status, answer.body) == (404, unknown.body)
    await ask(desk, "POST", "/messages/retry", message_id, by="other")
    assert (await desk.ask("GET", f"/messages/{message_id}", by="root")).body["status"] == "failed"
    assert (await desk.ask("GET", "/messages", by="other")).body["data"] == []
    assert len((await desk.ask("GET", "/messages", by="both")).body["data"]) == 1
    assert len((await desk.ask("GET", "/messages", by="root")).body["data"]) == 1


async def test_an_admin_changes_the_messages_of_all() -> None:
    desk = Desk(api_keys=KEYS)
    first = await desk.send_and_end(Status.FAILED, by="both")
    await desk.send_and_end(Status.FAILED, by="other")
    assert (await desk.ask("POST", f"/messages/{first}/retry", by="root")).status == 202
    answer = await desk.ask("POST", "/messages/retry", given={"status": "failed"}, by="root")
    assert answer.body == {"queued": 1, "remaining": 0}


async def test_a_message_from_before_the_keys_is_the_admins_alone() -> None:
    local = Desk()
    await local.send()
    desk = Desk(api_keys=KEYS, opening=lambda _publish: local.store)
    assert (await desk.ask("GET", "/messages", by="both")).body["data"] == []
    assert len((await desk.ask("GET", "/messages", by="root")).body["data"]) == 1


async def test_a_bound_key_sends_over_its_sessions_alone() -> None:
    desk = Desk(api_keys=KEYS)
    for session in (None, "b", ["b"]):
        given_body = HELLO if session is None else HELLO | {"session": session}
        assert (await desk.ask("POST", "/send", given=given_body, by="bound")).status == 202
    assert [message.sessions for message in desk.published()] == [("b",)] * 3
    for session in ("a", ["a", "b"], "no-such-session"):
        answer = await desk.ask("POST", "/send", given=HELLO | {"session": session}, by="bound")
        assert (answer.status, answer.code) == (403, "session_forbidden")
        assert [error["field"] for error in answer.body["errors"]] == ["session"]
    assert desk.published() == []
    assert desk.window.backlog == 3


async def test_an_unbound_key_sends_over_any_session_there_is() -> None:
    desk = Desk(api_keys=KEYS)
    await desk.send(by="sender")
    assert desk.published()[0].sessions == ()
    answer = await desk.ask("POST", "/send", given=HELLO | {"session": "c"}, by="sender")
    assert (answer.status, answer.code) == (400, "payload_invalid")


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer key-of-sender"},
        {"authorization": "bearer  key-of-sender "},
        {"x-api-key": "key-of-sender"},
        {"x-api-key": "key-of-sender", "authorization": "Bearer key-of-sender"},
        {"x-api-key": "key-of-sender", "authorization": "Basic cHJveHk6cHJveHk="},
        {"x-api-key": "", "authorization": "Bearer key-of-sender"},
        {"x-api-key": "key-of-sender", "x-forwarded-for": "192.0.2.7", "host": "wa.example"},
        {"x-api-key": "key-of-sender", "origin": "https://app.example"},
    ],
)
async def test_a_key_is_taken_from_either_header_and_from_anywhere(headers: dict[str, str]) -> None:
    desk = Desk(api_keys=KEYS)
    answer = await desk.ask("POST", "/send", given=HELLO, headers=headers, **OTHER_MACHINE)
    assert answer.status == 202


async def test_two_keys_that_differ_are_refused() -> None:
    desk = Desk(api_keys=KEYS)
    headers = {"authorization": "Bearer key-of-reader"}
    answer = await desk.ask("POST", "/send", given=HELLO, headers=headers, by="sender")
    assert (answer.status, answer.code) == (401, "keys_differ")


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
async def test_without_keys_a_direct_request_on_this_machine_may_do_everything(
    method: str, path: str, scope: Scope
) -> None:
    desk = Desk()
    message_id = await desk.send_and_end(Status.FAILED)
    for peer in ("127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"):
        answer = await ask(desk, method, path, message_id, peer=peer)
        assert answer.status in (200, 202, 409)


async def test_a_program_need_not_name_the_host() -> None:
    answer = await Desk().ask("GET", "/ledger", headers={"host": ""})  # HTTP/1.0
    assert answer.status == 200


FOREIGN: list[tuple[dict[str, Any], str]] = [
    *(({"headers": {name: "x"}}, f"a proxy, which set {name.title()}") for name in PROXY_HEADERS),
    ({"headers": {"x-forwarded-port": "443"}}, "a proxy, which set X-Forwarded-Port"),
    ({"peer": "192.0.2.7"}, "another machine"),
    ({"peer": "172.17.0.1"}, "another machine"),
    ({"peer": ""}, "another machine"),
    ({"peer": "<local>"}, "another machine"),
    ({"headers": {"host": "wa.example:8080"}}, "Host is not this machine's"),
    ({"headers": {"host": "127.0.0.1.nip.example"}}, "Host is not this machine's"),
    ({"headers": {"host": "0.0.0.0:8080"}}, "Host is not this machine's"),
    ({"headers": {"origin": "https://evil.example"}}, "a web page of another origin"),
    ({"headers": {"origin": "null"}}, "a web page of another origin"),
    ({"headers": {"origin": "http://localhost.evil.example"}}, "a web page of another origin"),
    ({"headers": {"origin": "http://localhost@evil.example"}}, "a web page of another origin"),
    ({"headers": {"origin": ""}}, "a web page of another origin"),
]


@pytest.mark.parametrize(("asking", "reason"), FOREIGN)
@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
async def test_without_keys_whatever_may_come_from_elsewhere_is_401(
    method: str, path: str, scope: Scope, asking: dict[str, Any], reason: str
) -> None:
    desk = Desk()
    message_id = await desk.send_and_end(Status.FAILED)
    answer = await ask(desk, method, path, message_id, **asking)
    assert (answer.status, answer.code) == (401, "key_missing")
    assert reason in answer.body["detail"]
    assert "trio-wa key new" in answer.body["detail"]
    assert "ALLOW_ANONYMOUS=true" in answer.body["detail"]
    assert desk.published() == []


async def test_what_is_set_already_is_no_remedy() -> None:
    desk = Desk(allow_anonymous=True)
    answer = await desk.ask("POST", "/send/batch", given=[HELLO], headers={"via": "1.1 proxy"})
    assert (answer.status, answer.code) == (401, "key_missing")
    assert "ALLOW_ANONYMOUS=true" not in answer.body["detail"]
    assert "ALLOW_ANONYMOUS opens POST /send alone" in answer.body["detail"]


@pytest.mark.parametrize("origin", ["http://localhost:5173", "https://127.0.0.1", "http://[::1]"])
async def test_a_page_of_this_machine_may_ask(origin: str) -> None:
    headers = {"origin": origin, "host": "localhost:8080"}
    assert (await Desk().ask("POST", "/send", given=HELLO, headers=headers)).status == 202


@pytest.mark.parametrize("asking", [asking for asking, _ in FOREIGN])
@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
async def test_anonymous_callers_send_and_do_nothing_else(
    method: str, path: str, scope: Scope, asking: dict[str, Any]
) -> None:
    desk = Desk(allow_anonymous=True)
    message_id = await desk.send_and_end(Status.FAILED)
    answer = await ask(desk, method, path, message_id, **asking)
    assert answer.status == (202 if path == "/send" else 401)


async def test_with_keys_anonymous_callers_still_only_send() -> None:
    desk = Desk(api_keys=KEYS, allow_anonymous=True)
    message_id = await desk.send()
    assert (await desk.ask("GET", f"/messages/{message_id}")).status == 401
    assert (await desk.ask("POST", f"/messages/{message_id}/cancel")).status == 401
    assert (await desk.ask("GET", "/nowhere")).status == 401
    assert (await desk.ask("POST", "/send", given=HELLO, by="nobody")).status == 401
    assert (await desk.ask("GET", f"/messages/{message_id}", by="both")).status == 404
    assert (await desk.ask("GET", f"/messages/{message_id}", by="root")).status == 200


async def test_no_answer_and_no_log_shows_a_key(capfd: pytest.CaptureFixture[str]) -> None:
    desk = Desk(api_keys=KEYS)
    for by in ("sender", "nobody"):
        answer = await desk.ask("POST", "/send", given=HELLO, by=by)
        await desk.ask("GET", "/ledger", by=by)
        assert "key-of" not in json.dumps(answer.body) + str(answer.headers)
    assert "key-of" not in "".join(capfd.readouterr())


@given(st.text(), st.text())
def test_whatever_the_headers_hold_is_a_key_or_refused(authorization: str, plain: str) -> None:
    try:
        key = presented_key({"authorization": authorization, "x-api-key": plain})
    except KeysDiffer:
        assert plain.strip()
        return
    if key is not None:
        assert key in (plain.strip(), authorization.strip()[7:].strip())
        assert Keys(parse_api_keys(KEYS)).find(key) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "127.255.0.3"])
def test_loopback_addresses(address: str) -> None:
    assert loopback_address(address)


@pytest.mark.parametrize(
    "address",
    ["", "localhost", "0.0.0.1", "::", "10.0.0.1", "::ffff:10.0.0.1", "2130706433", "[::1]"],
)
def test_other_addresses(address: str) -> None:
    assert not loopback_address(address)


@given(st.text())
def test_whatever_host_is_named_is_this_machine_or_not(text: str) -> None:
    if loopback_authority(text):
        assert re.search(r"localhost|127\.|::|:1", text, re.IGNORECASE)


NAMES = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)
API_KEYS = st.builds(
    ApiKey,
    NAMES,
    st.binary(min_size=32, max_size=32).map(bytes.hex),
    st.sets(st.sampled_from(SCOPES), min_size=1).map(
        lambda chosen: tuple(scope for scope in SCOPES if scope in chosen)
    ),
    st.sets(NAMES, max_size=3).map(lambda names: tuple(sorted(names))),
)


@given(
    st.lists(
        API_KEYS, min_size=1, unique_by=(lambda key: key.name, lambda key: key.sha256), max_size=5
    ),
    st.sampled_from([",", "\n", " ,\n", "\r\n# a comment, with a comma\n\n"]),
)
def test_keys_are_read_back_as_they_were_written(keys: list[ApiKey], separator: str) -> None:
    assert parse_api_keys(separator.join(map(str, keys))) == tuple(keys)


def test_a_key_is_found_and_no_other_is() -> None:
    keys = Keys(parse_api_keys(KEYS))
    caller = keys.find("key-of-bound")
    assert caller is not None
    assert (caller.name, caller.scopes, caller.sessions) == ("bound", ("send", "read"), ("b",))
    for wrong in ("", "key-of", "key-of-bound ", "KEY-OF-BOUND", "\ud800", DIGEST):
        assert keys.find(wrong) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("letmein", "must be NAME:SHA256:SCOPES[:SESSIONS], as `trio-wa key new NAME` prints it"),
        ("letmein:send", "must hold the SHA-256 of a key as 64 hex digits"),
        ("shop:letmein:send", "must hold the SHA-256 of a key as 64 hex digits"),
        (f"let me in:{DIGEST}:send", "must be NAME:SHA256:SCOPES"),
        (f"shop:{DIGEST}", "must give entry 1 (shop) scopes, from send, read, admin"),
        (f"shop:{DIGEST}:", "must give entry 1 (shop) scopes"),
        (f"shop:{DIGEST}:write", "must give entry 1 (shop) scopes"),
        (f"shop:{DIGEST}:send+letmein", "must give entry 1 (shop) scopes"),
        (f"shop:{DIGEST}:send+send", "must give entry 1 (shop) scopes"),
        (f"shop:{DIGEST}:send:", "must name sessions behind the last colon of entry 1 (shop)"),
        (f"{KEYS},letmein", "must be NAME:SHA256:SCOPES[:SESSIONS], as"),
        (f"{KEYS},{entry('other', 'read')}", "must have each name once: other stands there twice"),
        (f"a:{DIGEST}:read,b:{DIGEST}:send", "must have each key once: a and b share one"),
        (",", "must hold at least one NAME:SHA256"),
        (f"shop:{DIGEST}:send:c", "must bind shop to sessions of WAHA_SESSIONS, not to 'c'"),
    ],
)
def test_a_wrong_entry_is_told_without_showing_a_key(text: str, problem: str) -> None:
    line = problem_of(api_keys=text)
    assert line.startswith(f"API_KEYS {problem}")
    assert "letmein" not in line
    assert DIGEST not in line


def test_keys_come_from_a_file_without_its_last_newline(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(
        f"# the shop\n{entry('shop', 'send')}\n{entry('bank', 'read')}\n"
    )
    assert [key.name for key in settings_of(api_keys_file="keys").keys] == ["shop", "bank"]
    (tmp_path / "waha").write_bytes(b"the-key\r\n")
    settings = settings_of(waha_api_key_file=str(tmp_path / "waha"))
    assert settings.waha_key == "the-key"
    shown = repr(settings) + str(settings) + settings.model_dump_json()
    assert "the-key" not in shown
    assert settings_of(waha_api_key="plain").waha_key == "plain"
    assert settings_of().waha_key is None
    assert settings_of().keys == ()


@pytest.mark.parametrize("name", ["WAHA_API_KEY", "API_KEYS"])
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "which cannot be read (No such file or directory)"),
        (b"", "which is empty"),
        (b"\n", "which is empty"),
        (b"\xff\xfe", "which is not UTF-8 text"),
    ],
)
def test_a_file_of_a_secret_that_is_of_no_use_is_named(
    tmp_path: Path, name: str, content: bytes | None, problem: str
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    line = problem_of(**{f"{name}_file".lower(): "secret"})
    assert line.startswith(f"{name}_FILE must name a readable file that holds the secret, not")
    assert f"'secret', {problem}" in line
    assert f"for example {name}_FILE=/run/secrets/" in line


@pytest.mark.parametrize("name", ["WAHA_API_KEY", "API_KEYS"])
def test_a_directory_in_the_place_of_a_secret_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").mkdir()  # as Docker makes one where the file to mount is missing
    assert "'secret', which cannot be read (Is a directory)" in problem_of(
        **{f"{name}_file".lower(): "secret"}
    )


def test_a_secret_and_its_file_are_not_set_together(
    tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    for name, content in (("API_KEYS", entry("shop", "send")), ("WAHA_API_KEY", "letmein")):
        (tmp_path / name).write_text(content)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(name, content)
            line = problem_of(**{f"{name}_FILE".lower(): name})
        assert line.startswith(f"{name}_FILE is set, and so is {name}: remove one of them")
        assert content not in line


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("waha_api_key_file", "sha512:letmein"),
        ("waha_api_key_file", "letmein\n\n"),
        ("waha_api_key_file", "letmein é"),
        ("api_keys_file", "letmein"),
        ("api_keys_file", "shop:letmein:send"),
        ("api_keys_file", "letmein:send"),
    ],
)
def test_what_a_file_holds_is_never_shown(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / "secret").write_text(content)
    line = problem_of(**{name: "secret"})
    assert line.startswith(name.upper())
    assert "letmein" not in line


BINDS = ["127.0.0.1:8080", "[::1]:8080", "localhost:0", "127.0.0.1"]
OPEN_BINDS = ["0.0.0.0:8080", "[::]:8080", "192.0.2.7:80", "wa.example:80", "unix:/run/x", "fd://3"]


def test_without_keys_only_loopback_is_listened_on() -> None:
    check_exposure(settings_of(), BINDS)
    for bind in OPEN_BINDS:
        with pytest.raises(SettingsError) as caught:
            check_exposure(settings_of(), [*BINDS, bind])
        (line,) = str(caught.value).splitlines()
        assert line.startswith(bind)
        assert "`trio-wa key new NAME`" in line
        assert "ALLOW_ANONYMOUS=true" in line


def test_with_keys_or_for_everybody_any_address_is_listened_on() -> None:
    check_exposure(settings_of(api_keys=KEYS), OPEN_BINDS)
    check_exposure(settings_of(allow_anonymous=True), OPEN_BINDS)


def test_the_line_at_the_start_says_who_may_call() -> None:
    none = describe_access(settings_of())
    assert "`trio-wa key new NAME`" in none
    assert "ALLOW_ANONYMOUS=true" in none
    keys = describe_access(settings_of(api_keys=entry("shop", "send")))
    assert keys == "with the keys of shop"
    everybody = describe_access(settings_of(allow_anonymous=True))
    assert everybody.startswith("anybody may POST /send")
    assert "shop" in describe_access(settings_of(api_keys=entry("shop", "send"), allow_anonymous=1))
    signed = describe_access(settings_of(api_keys=entry("shop", "send"), waha_webhook_secret="s"))
    assert signed == "with the keys of shop; WAHA's webhooks by their signature"


def new_key(*args: str) -> tuple[str, str]:
    """The key that `trio-wa key new` prints, and the line."""
    result = CliRunner().invoke(main, ["key", "new", *args])
    assert result.exit_code == 0, result.output
    secret, line = re.findall(r"^    (\S+)$", result.stdout, re.MULTILINE)
    return secret, line


async def test_a_new_key_works_with_the_line_that_comes_with_it(tmp_path: Path) -> None:
    secret, line = new_key("shop", "--session", "b", "--session", "a")
    (tmp_path / ".env").write_text(f"WAHA_URL=http://waha\nWAHA_SESSIONS=a,b\n{line}\n")
    settings = load_settings()
    assert secret not in line
    (key,) = settings.keys
    assert (key.name, key.scopes, key.sessions) == ("shop", ("send", "read"), ("a", "b"))
    desk = Desk(api_keys=settings.keys)
    headers = {"authorization": f"Bearer {secret}"}
    assert (await desk.ask("POST", "/send", given=HELLO, headers=headers)).status == 202


def test_each_new_key_is_another_and_long() -> None:
    secrets = {new_key("shop", "--scope", "admin")[0] for _ in range(3)}
    assert len(secrets) == 3
    assert all(re.fullmatch(r"twa_[A-Za-z0-9_-]{43}", secret) for secret in secrets)


@pytest.mark.parametrize(
    "args",
    [["a b"], ["a:b"], [""], ["x" * 65], ["shop", "--session", "a+b"], ["shop", "--scope", "all"]],
)
def test_a_name_that_could_not_be_read_back_makes_no_key(args: list[str]) -> None:
    result = CliRunner().invoke(main, ["key", "new", *args])
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("min_free_disk", "100MB", 100_000_000),
        ("min_free_disk", "1 GiB", 1_073_741_824),
        ("min_free_disk", "512kb", 512_000),
        ("min_free_disk", "0", 0),
        ("allow_anonymous", "TRUE", True),
        ("allow_anonymous", "no", False),
        ("journal_path", ":memory:", ":memory:"),
        ("journal_path", " /var/lib/x.db ", "/var/lib/x.db"),
        ("lock_wait", "5s", 5.0),
        ("text_retention", "0", 0.0),
    ],
)
def test_new_settings_are_read(name: str, text: str, value: object) -> None:
    assert getattr(settings_of(**{name: text}), name) == value


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("min_free_disk", "-1", "must be a size from 0 to"),
        ("min_free_disk", "1.5GB", "must be a size from 0 to"),
        ("min_free_disk", "10XB", "must be a size from 0 to"),
        ("allow_anonymous", "maybe", "must be true or false, for example ALLOW_ANONYMOUS=False"),
        ("journal_path", "data/", "must be the path of a file"),
        ("journal_path", ".", "must be the path of a file"),
        ("max_backlog", "0", "must be a whole number from 1 to"),
        ("retention", "1h", "must not be below TEXT_RETENTION, for example RETENTION=1d"),
    ],
)
def test_wrong_new_settings_are_named(name: str, text: str, problem: str) -> None:
    assert problem in problem_of(**{name: text})


def test_what_is_not_set_follows_from_the_rest() -> None:
    settings = settings_of()
    assert (settings.journal_path, settings.in_memory) == ("data/trio-wa.db", False)
    assert (settings.backlog, settings.drain_seconds) == (10_000, 6.0)
    assert (settings.min_free_disk, settings.lock_wait) == (100_000_000, 0.0)
    assert (settings.text_retention, settings.retention) == (86_400.0, 2_592_000.0)
    assert settings_of(queue_capacity="5").backlog == 5
    assert settings_of(queue_capacity="5", max_backlog="50").backlog == 50
    memory = settings_of(journal_path=":memory:")
    assert (memory.in_memory, memory.drain_seconds) == (True, None)
    assert settings_of(journal_path=":memory:", drain_timeout="1s").drain_seconds == 1.0
    assert settings_of(drain_timeout="1m").drain_seconds == 60.0
