"""A shop that sends receipts by WhatsApp: the integration that docs/testing.md tests."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import trio

TRIES = 5


@dataclass(frozen=True)
class Order:
    """What a customer bought."""

    id: str
    phone: str
    total: str


class NotAccepted(Exception):
    """trio-wa took no receipt; the message is its answer."""


async def checkout(order: Order, notify_url: str) -> str:
    """Take the order, and leave its receipt with the trio-wa at `notify_url`; the receipt's id.

    The same order makes one receipt, however often it is taken.
    """
    async with httpx.AsyncClient(base_url=notify_url) as client:
        for pause in _pauses():
            response = await client.post("/send", **_receipt(order))
            if response.status_code != 503:
                return _id(response)
            await trio.sleep(pause(response))
    raise NotAccepted(response.text)


def checkout_sync(order: Order, notify_url: str) -> str:
    """The same for a shop that is not on Trio."""
    with httpx.Client(base_url=notify_url) as client:
        for pause in _pauses():
            response = client.post("/send", **_receipt(order))
            if response.status_code != 503:
                return _id(response)
            time.sleep(pause(response))
    raise NotAccepted(response.text)


def _receipt(order: Order) -> dict:
    text = f"Thank you for order {order.id}. You paid {order.total}."
    return {
        "json": {"to": order.phone, "message": text},
        "headers": {"Idempotency-Key": f"receipt-{order.id}"},
    }


def _pauses() -> Iterator:
    """For each try, how long to wait after a 503: as long as it says."""
    return iter([lambda response: float(response.headers.get("Retry-After", 1))] * TRIES)


def _id(response: httpx.Response) -> str:
    if response.status_code != 202:
        raise NotAccepted(response.text)
    return response.json()["id"]
