"""What an operator needs to read at the start, and the remedy for whatever is not right."""

import structlog
import trio

from trio_wa.config import Settings
from trio_wa.ports import Gateway, WahaInfo

log = structlog.get_logger(__name__)


async def greet(settings: Settings, gateway: Gateway) -> None:
    """Tell the operator what stands behind each session, and the remedy for what is not right."""
    log.info(
        "queue.ready",
        journal=settings.journal_path,
        backlog=settings.backlog,
        in_memory=settings.queue_capacity,
        workers=settings.worker_count,
    )
    if settings.waha_key is None:
        log.warning("waha.no_key", remedy="set WAHA_API_KEY if this WAHA asks for a key")
    async with trio.open_nursery() as nursery:
        for url in dict.fromkeys(session.url for session in settings.sessions):
            nursery.start_soon(_greet_waha, url, settings, gateway)


async def _greet_waha(url: str, settings: Settings, gateway: Gateway) -> None:
    info = await gateway.ask(url)
    if info.problem is not None:
        log.warning("waha.problem", url=url, problem=info.problem, effect="messages wait")
        return
    log.info("waha.found", url=url, version=info.version, engine=info.engine)
    for session in settings.sessions:
        if session.url == url:
            _greet_session(session.name, info)


def _greet_session(name: str, info: WahaInfo) -> None:
    if info.statuses is None:
        log.warning("session.unreadable", session=name, effect="it is used as it is")
        return
    status = info.statuses.get(name)
    if status == "WORKING":
        log.info("session.found", session=name, status=status)
        return
    remedy = {
        None: "create it in WAHA, or correct WAHA_SESSIONS",
        "SCAN_QR_CODE": f"scan the QR code at {info.url}/api/{name}/auth/qr with the phone",
        "STARTING": "wait a moment: WAHA is starting it",
    }.get(status, f"start it: POST {info.url}/api/sessions/{name}/start")
    log.warning("session.not_working", session=name, status=status or "missing", remedy=remedy)
