"""The services that take part, under the names that the command line knows."""

from functools import partial

from benchmarks.entrants import Entrant
from benchmarks.peer import Peer
from benchmarks.peers.fastapi_queue import FastApiQueue
from benchmarks.peers.go import Go
from benchmarks.peers.quart_trio_plain import QuartTrioPlain
from benchmarks.peers.trio_wa import TrioWa

REFERENCE = "go"
"""Whose figures the others are compared with: the service that trio-wa replaces."""


def _trio_wa(backlog: int, *, durable: bool) -> Peer:
    return TrioWa(durable=durable, backlog=backlog)


def _go(_backlog: int, *, tuned: bool) -> Peer:
    return Go(tuned=tuned)


def _fastapi(_backlog: int) -> Peer:
    return FastApiQueue()


def _quart_trio(_backlog: int) -> Peer:
    return QuartTrioPlain()


ROSTER = (
    Entrant(
        "trio-wa", "trio-wa, durable", partial(_trio_wa, durable=True), ours=True, durable=True
    ),
    Entrant("trio-wa-memory", "trio-wa, in memory", partial(_trio_wa, durable=False), ours=True),
    Entrant("go", "Go service", partial(_go, tuned=False)),
    Entrant("go-tuned", "Go service, tuned client", partial(_go, tuned=True)),
    Entrant("fastapi", "FastAPI, uvicorn, httpx", _fastapi, slow=True),
    Entrant("quart-trio", "Quart-Trio, Hypercorn, httpx", _quart_trio, slow=True),
)
