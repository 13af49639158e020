"""deploy/nginx.conf as shipped, on the real nginx, before a real process."""

import contextlib
import hashlib
import json
import os
import pwd
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.e2e.process import running as serving
from tests.e2e.raw_http import Answer, connect, exchange, self_signed
from tests.e2e.stand_in import Process, running
from tests.e2e.test_serve import settings, simulated

SHIPPED = Path(__file__).parents[2] / "deploy" / "nginx.conf"
HOST = b"Host: wa.example.org\r\n"
SEND = b"POST /send HTTP/1.1\r\n" + HOST
GET = b"GET /livez HTTP/1.1\r\n" + HOST
BODY = b'{"to": "6281234567890", "message": "Hello"}'
GOOD = SEND + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx with the shipped configuration."""

    http: str
    https: str
    certificate: Path
    log: Path

    async def ask(self, request: bytes) -> Answer:
        """One request over TLS, on a connection of its own."""
        context = ssl.create_default_context(cafile=self.certificate)
        with trio.fail_after(10):
            tcp = await connect(self.https)
            stream = trio.SSLStream(tcp, context, server_hostname="127.0.0.1")
            try:
                return await exchange(stream, request)
            finally:
                await trio.aclose_forcefully(stream)


def configuration(directory: Path, http: int, https: int, *upstreams: int) -> str:
    """The shipped text, with other addresses, paths and user."""
    certificate, key = self_signed(directory)
    text = SHIPPED.read_text()
    temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    for shipped, here in {
        "user www-data;": f"user {pwd.getpwuid(os.getuid()).pw_name};" if os.getuid() == 0 else "",
        "http {": "http {" + "".join(f"{name}_temp_path {directory}/{name};" for name in temporary),
        "/run/nginx.pid": f"{directory}/nginx.pid",
        "error_log /var/log/nginx/error.log warn;": (
            f"error_log {directory}/error.log warn; error_log stderr notice;"
        ),
        "/var/log/nginx/access.log": f"{directory}/access.log",
        "listen 80;": f"listen 127.0.0.1:{http};",
        "listen 443 ssl;": f"listen 127.0.0.1:{https} ssl;",
        "/etc/ssl/certs/wa.example.org.pem": str(certificate),
        "/etc/ssl/private/wa.example.org.key": str(key),
        # One that failed is tried again at once: else it would depend on which worker has seen it.
        "server 127.0.0.1:8080;": " ".join(
            f"server 127.0.0.1:{port} max_fails=0;" for port in upstreams
        ),
    }.items():
        assert text.count(shipped) == 1, f"{shipped!r} is not in deploy/nginx.conf once"
        text = text.replace(shipped, here)
    return text


@contextlib.contextmanager
def nginx(directory: Path, *upstreams: int) -> Iterator[Nginx]:
    binary = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if binary is None:
        reason = "nginx is not installed, and these tests need it: apt-get install nginx"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    http, https = free_ports(2)
    path = directory / "nginx.conf"
    path.write_text(configuration(directory, http, https, *upstreams))
    command = [binary, "-p", str(directory), "-e", f"{directory}/error.log", "-c", str(path)]
    process = subprocess.Popen([*command, "-g", "daemon off;"], stderr=subprocess.PIPE)
    try:
        wait_for(process, directory / "error.log")
        yield Nginx(
            f"http://127.0.0.1:{http}",
            f"http://127.0.0.1:{https}",
            directory / "certificate.pem",
            directory / "access.log",
        )
    finally:
        process.terminate()
        process.wait(timeout=10)


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [server.getsockname()[1] for server in servers]


def wait_for(process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until nginx says that it starts its workers: then it listens."""
    give_up = threading.Timer(10, process.kill)
    give_up.start()
    assert process.stderr is not None
    with process.stderr as said:  # what it writes later nobody reads, and nginx does not mind
        started = any(b"start worker process" in line for line in said)
    give_up.cancel()
    if not started:
        pytest.fail(f"nginx did not start: {log.read_text()}")


@pytest.fixture(scope="module")
def server() -> Iterator[Process]:
    with running() as process:
        yield process


@pytest.fixture(scope="module")
def front(server: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with nginx(tmp_path_factory.mktemp("nginx"), server.endpoint[1]) as front:
        yield front


def assert_problem(answer: Answer, status: int) -> None:
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = json.loads(answer.body)
    assert problem["status"] == status
    assert problem["title"] == problem["error"] != "Error"


async def seen(front: Nginx, headers: bytes = b"") -> dict:
    answer = await front.ask(b"GET /seen HTTP/1.1\r\n" + HOST + headers + b"\r\n")
    assert answer.status == 200
    return json.loads(answer.body)


async def test_a_send_passes_through_tls(front):
    assert (await front.ask(GOOD)).status == 202


async def test_http_is_sent_to_https_with_its_method(front):
    async with await connect(front.http) as client:
        answer = await exchange(client, b"POST /send?a=1 HTTP/1.1\r\n" + HOST + b"\r\n")
    assert answer.status == 308
    assert answer.headers["location"] == "https://wa.example.org/send?a=1"


async def test_connections_to_the_upstream_are_kept(front):
    ports = {(await seen(front))["port"] for _ in range(40)}
    workers = os.cpu_count() or 1
    assert len(ports) <= workers  # each keeps its own


async def test_what_callers_say_of_themselves_is_replaced(front):
    lies = (
        b"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: gopher\r\nForwarded: for=6.6.6.6\r\n"
        b"X-Request-Id: mine\r\nConnection: close\r\n"
    )
    arrived = await seen(front, lies)
    headers = arrived["headers"]
    assert arrived["version"] == "1.1"
    assert headers["host"] == "wa.example.org"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    assert re.fullmatch("[0-9a-f]{32}", headers["x-request-id"])
    assert not {"forwarded", "connection"} & headers.keys()


async def test_a_body_too_large_is_a_problem(front):
    largest = b"[" + b" " * 999_998 + b"]"
    head = SEND + b"Content-Length: %d\r\n\r\n"
    assert (await front.ask(head % 1_000_000 + largest)).status == 202
    refused = await front.ask(head % 1_000_001 + largest + b" ")
    assert_problem(refused, 413)
    assert "client_max_body_size of nginx" in json.loads(refused.body)["detail"]  # not trio-wa's


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        SEND + b"Content-Length: x\r\n\r\n",
        SEND + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"rubbish\r\n\r\n",
        GET + b"X: " + b"x" * 40_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_a_problem(front, request_):
    assert_problem(await front.ask(request_), 400)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n", 405),
        (b"GET /.problem HTTP/1.1\r\n" + HOST + b"\r\n", 404),
        (b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
        (SEND + b"Transfer-Encoding: other\r\n\r\n", 501),
    ],
)
async def test_what_nginx_refuses_is_a_problem(front, request_, status):
    assert_problem(await front.ask(request_), status)


async def test_plain_http_to_the_tls_port_is_a_problem(front):
    async with await connect(front.https) as client:
        assert_problem(await exchange(client, GET + b"\r\n"), 400)


async def test_errors_of_the_service_pass_as_they_are(front):
    answer = await front.ask(SEND + b"Content-Length: 4\r\n\r\nrubb")
    assert (answer.status, answer.body) == (400, b'{"status":400}\n')


async def test_no_upstream_is_a_problem(tmp_path):
    with nginx(tmp_path, *free_ports(1)) as front:
        assert_problem(await front.ask(GOOD), 502)


async def test_the_log_names_the_path_and_no_query_whoever_answers(tmp_path):
    long = b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"
    with nginx(tmp_path, *free_ports(1)) as front:
        await front.ask(GOOD)
        await front.ask(GET.replace(b"livez", b"messages?to=6281234567890") + b"\r\n")
        await front.ask(b"TRACE /send?a HTTP/1.1\r\n" + HOST + b"\r\n")
        await front.ask(b"rubbish\r\n\r\n")
        await front.ask(long)
    logged = re.findall(r'"(\S+ ?\S*)" (\d+)', front.log.read_text())
    assert [(asked[:20], status) for asked, status in logged] == [
        ("POST /send", "502"),
        ("GET /messages", "502"),
        ("TRACE /send", "405"),
        ("-", "400"),
        ("GET /xxxxxxxxxxxxxxx", "414"),
    ]


class Cutting:
    """An upstream that answers the first request of each connection, and cuts at the second.

    With `at_once`, it cuts at the first.
    """

    def __init__(self, *, at_once: bool) -> None:
        self.at_once = at_once
        self.requests: list[bytes] = []

    async def __call__(self, stream: trio.SocketStream) -> None:
        for answers in (0,) if self.at_once else (1, 0):
            request = await stream.receive_some(65536)
            self.requests.append(bytes(request).split(b" ")[0])
            if answers:
                await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


@contextlib.asynccontextmanager
async def cutting(tmp_path: Path, upstream: Cutting, *, ports: int) -> AsyncIterator[Nginx]:
    """nginx before `upstream` on so many ports."""
    async with trio.open_nursery() as nursery:
        upstreams = []
        for _ in range(ports):
            serve = partial(trio.serve_tcp, upstream, 0, host="127.0.0.1")
            (listener,) = await nursery.start(serve)
            upstreams.append(listener.socket.getsockname()[1])
        with nginx(tmp_path, *upstreams) as front:
            yield front
        nursery.cancel_scope.cancel()


async def test_a_post_that_was_sent_is_not_sent_to_another_upstream(tmp_path):
    upstream = Cutting(at_once=True)
    async with cutting(tmp_path, upstream, ports=2) as front:
        assert_problem(await front.ask(GOOD), 502)
        assert upstream.requests == [b"POST"]
        upstream.requests.clear()
        await front.ask(GET + b"\r\n")
        assert upstream.requests[:2] == [b"GET", b"GET"]  # there was another to try


async def test_a_post_cut_on_a_kept_connection_is_not_sent_again(tmp_path):
    upstream = Cutting(at_once=False)
    async with cutting(tmp_path, upstream, ports=1) as front:
        statuses = [(await front.ask(GOOD)).status for _ in range(20)]
        assert 502 in statuses  # a kept connection was used, and cut
        assert len(upstream.requests) == 20
        assert {(await front.ask(GET + b"\r\n")).status for _ in range(20)} == {200}
        assert len(upstream.requests) > 40  # a GET is sent again


async def test_a_caller_with_a_key_sends_through_nginx_and_one_without_does_not(
    tmp_path: Path,
) -> None:
    entry = f"shop:{hashlib.sha256(b'the-key').hexdigest()}:send"
    async with (
        simulated() as (simulator, url),
        serving(tmp_path, **settings(url, api_keys=entry)) as process,
    ):
        port = int((await process.address()).rpartition(":")[2])
        with nginx(tmp_path, port) as front:
            refused = await front.ask(GOOD)
            key = b"Authorization: Bearer the-key\r\n"
            accepted = await front.ask(GOOD.replace(HOST, HOST + key))
        with trio.fail_after(10):
            (delivered,) = await simulator.wait_delivered(1)
    assert (refused.status, json.loads(refused.body)["code"]) == (401, "key_missing")
    assert accepted.status == 202
    assert delivered.text == "Hello"
