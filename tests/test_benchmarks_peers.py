"""The peers of the benchmarks answer as the service that they stand for."""

from pathlib import Path

import pytest
import trio

from benchmarks.load import post
from benchmarks.loop import run
from benchmarks.peer import Peer, Setting
from benchmarks.peers.fastapi_queue import FastApiQueue
from benchmarks.peers.go import Go
from benchmarks.peers.quart_trio_plain import QuartTrioPlain, application
from benchmarks.peers.queued import FULL, INVALID, QUEUED, Job
from benchmarks.peers.trio_wa import TrioWa
from benchmarks.sink import running_sink

GOOD = b'{"to": "6281234567890", "message": "Hello", "more": 1}'


@pytest.mark.parametrize(
    "body",
    [
        b"Hello",
        b"[]",
        b'{"to": "62812"}',
        b'{"to": "", "message": "a"}',
        b'{"to": 1, "message": "a"}',
    ],
)
async def test_quart_refuses_what_is_no_message(body: bytes) -> None:
    queue, _ = trio.open_memory_channel[Job](1)
    response = await application(queue).test_client().post("/send", data=body)
    assert (response.status_code, await response.get_json()) == (400, INVALID)


async def test_quart_accepts_until_its_queue_is_full() -> None:
    queue, jobs = trio.open_memory_channel[Job](1)
    client = application(queue).test_client()
    first, second = [await client.post("/send", data=GOOD) for _ in range(2)]
    assert (first.status_code, await first.get_json()) == (202, QUEUED)
    assert (second.status_code, await second.get_json()) == (503, FULL)
    assert jobs.receive_nowait() == Job(to="6281234567890", message="Hello")


@pytest.mark.parametrize(
    "peer",
    [TrioWa(durable=True), TrioWa(durable=False), FastApiQueue(), QuartTrioPlain()],
    ids=repr,
)
def test_a_peer_sends_what_it_accepts(peer: Peer, tmp_path: Path) -> None:
    if word := peer.missing():
        pytest.skip(word)

    async def main() -> None:
        async with (
            running_sink(delay_ms=0) as sink,
            peer.run(Setting(sink.url, workers=4, directory=tmp_path)) as running,
        ):
            load = await post(running.port, messages=20, clients=3)
            assert load.statuses == {202: 20}
            assert (await sink.reached(20, within=30.0)).count == 20

    run(main())
    assert (tmp_path / "trio-wa.db").exists() == (peer == TrioWa(durable=True))


def test_a_machine_without_go_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    assert Go().missing() == "no Go toolchain"
