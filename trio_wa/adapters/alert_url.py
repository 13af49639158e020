"""Tells the operator by a POST to a URL."""

import ssl
from urllib.parse import urlsplit

import httpx
import trio

from trio_wa.ports import NotNotified

WITHIN_SECONDS = 10.0

CONNECT_SHARE = 0.8
"""How much of the time a connection may take at most: httpcore leaves the socket of a handshake
open that is cancelled, and closes that of one which takes too long."""

HEADERS = {"Content-Type": "application/json", "User-Agent": "trio-wa"}


class AlertUrl:
    """Posts each alert over a connection of its own: there are few.

    The path and the query of the `url` may hold a token: no error tells more than its host. The
    whole exchange ends `within` so many seconds.
    """

    def __init__(self, url: str, *, within: float = WITHIN_SECONDS) -> None:
        self._url = url
        self._host = urlsplit(url).hostname
        self._within = within
        self._tls = ssl.create_default_context()

    async def notify(self, body: bytes) -> None:
        """Post the alert; any 2xx will do, and no redirect is followed. Raises NotNotified."""
        try:
            with trio.fail_after(self._within):
                status = await self._post(body)
        except trio.TooSlowError:
            raise NotNotified(f"{self._host} gave no answer within {self._within:g} s") from None
        except (httpx.RequestError, httpx.InvalidURL, ValueError) as error:
            # A host that is no name at all is a ValueError of the socket module, or of TLS.
            raise NotNotified(f"no answer from {self._host}: {_cause(error)}") from None
        if not 200 <= status < 300:
            raise NotNotified(f"{self._host} answered {status}")

    async def _post(self, body: bytes) -> int:
        """The status of the answer, whose body is not read."""
        timeout = httpx.Timeout(None, connect=CONNECT_SHARE * self._within)
        async with (
            httpx.AsyncClient(verify=self._tls, timeout=timeout, trust_env=False) as client,
            client.stream("POST", self._url, content=body, headers=HEADERS) as response,
        ):
            return response.status_code


def _cause(error: Exception) -> str:
    """What went wrong; other texts than that of a failed connection may quote what was sent."""
    text = str(error) if isinstance(error, httpx.ConnectError) else ""
    return text or type(error).__name__
