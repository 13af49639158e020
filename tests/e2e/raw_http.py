"""Raw bytes to a server and its answer back, for what no HTTP client would send."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import trio
import trustme


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP/1 response."""

    status: int
    headers: dict[str, str]
    body: bytes


async def connect(address: str) -> trio.SocketStream:
    """Open a connection to "http://127.0.0.1:PORT" (by number: no DNS thread, see design)."""
    url = urlsplit(address)
    assert url.hostname is not None
    assert url.port is not None
    return await trio.open_tcp_stream(url.hostname, url.port, happy_eyeballs_delay=None)


async def exchange(stream: trio.abc.Stream, request: bytes) -> Answer:
    """Send `request` and read one answer."""
    await stream.send_all(request)
    return await read_answer(stream)


async def read_answer(stream: trio.abc.Stream) -> Answer:
    """Read one answer; an early end of the connection is an EOFError."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += await _more(stream)
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    while len(body) < int(headers.get("content-length", 0)):
        body += await _more(stream)
    return Answer(int(first.split(" ")[1]), headers, body)


async def _more(stream: trio.abc.Stream) -> bytes:
    data = bytes(await stream.receive_some(65536))
    if not data:
        raise EOFError
    return data


def self_signed(directory: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1, its issuer's behind it in the same file, and its key."""
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    issuer = trustme.CA()
    issued = issuer.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(certificate)
    issuer.cert_pem.write_to_path(certificate, append=True)
    issued.private_key_pem.write_to_path(key)
    return certificate, key
