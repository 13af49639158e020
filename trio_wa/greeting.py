"""What an operator needs to read at the start, and the remedy for whatever is not right."""

import shutil
from typing import Protocol

import structlog
import trio

from trio_wa.config import Settings
from trio_wa.config.pace import OFF
from trio_wa.core.duration import format_duration
from trio_wa.core.slot import MISSING, WORKING
from trio_wa.ports import Observer, SessionView, StoreUnavailable, WahaInfo

log = structlog.get_logger(__name__)

WEBHOOK_PATH = "/webhooks/waha"
SHORT_SECRET = 16
"""A secret of fewer characters can be guessed."""


class Oversight(Protocol):
    """Who knows the sessions."""

    async def first_view(self, session: str) -> SessionView:
        """A session, as soon as it was seen what it makes possible."""


async def greet(settings: Settings, observer: Observer, oversight: Oversight) -> None:
    """Tell the operator what stands behind each session, and the remedy for what is not right."""
    log.info(
        "queue.ready",
        journal=settings.journal_path,
        max_backlog=settings.backlog,
        in_memory=settings.queue_capacity,
        workers=settings.worker_count,
    )
    _greet_pace(settings)
    if settings.alert_command and shutil.which(program := settings.alert_command[0]) is None:
        log.warning(
            "alerts.no_command",
            program=program,
            effect="no alert will be told by it",
            remedy="set ALERT_COMMAND to a program that can be run",
        )
    if settings.waha_key is None:
        log.warning("waha.no_key", remedy="set WAHA_API_KEY if this WAHA asks for a key")
    _greet_webhooks(settings)
    async with trio.open_nursery() as nursery:
        for url in dict.fromkeys(session.url for session in settings.sessions):
            nursery.start_soon(_greet_waha, url, settings, observer, oversight)


def _greet_webhooks(settings: Settings) -> None:
    """Tell what may keep WAHA's webhooks from arriving, or let others' in."""
    if settings.webhook_secret is not None and len(settings.webhook_secret) < SHORT_SECRET:
        log.warning(
            "webhooks.short_secret",
            effect="who guesses it can make acks, statuses and incoming messages up",
            remedy=f"set WAHA_WEBHOOK_SECRET to a random text of {SHORT_SECRET} characters or more,"
            " and the hmac.key in WAHA with it",
        )
    if settings.waha_webhook_url is None:
        secret = " and WAHA_WEBHOOK_SECRET" if settings.webhook_secret is None else ""
        log.info(
            "webhooks.not_registered",
            remedy=f"set WAHA_WEBHOOK_URL{secret}, or let WAHA itself send message.ack,"
            f" message.any and session.status to {WEBHOOK_PATH}; without, `sent` is the last state",
        )
        return
    if not settings.waha_webhook_url.endswith(WEBHOOK_PATH):
        log.warning(
            "webhooks.other_path",
            url=settings.waha_webhook_url,
            effect=f"webhooks arrive only if a proxy makes {WEBHOOK_PATH} of it",
            remedy=f"let WAHA_WEBHOOK_URL end in {WEBHOOK_PATH}, if no proxy changes the path",
        )


def _greet_pace(settings: Settings) -> None:
    """Tell which pace holds, each part of it as it would stand in the settings."""
    pace, quiet = settings.limits.pace, settings.quiet_hours
    quiet_hours = f"{quiet.start:%H:%M}-{quiet.end:%H:%M} {quiet.zone}" if quiet else OFF
    if pace.is_off:
        log.warning(
            "pace.off",
            effect="messages leave as fast as WAHA takes them",
            quiet_hours=quiet_hours,
            remedy="set PACE=gentle, or PACE=careful for campaigns and new numbers",
        )
        return
    log.info(
        "pace.set",
        rate=pace.rate or OFF,
        gap="-".join(map(format_duration, pace.gap)) if pace.gap else OFF,
        daily_cap=pace.daily_cap or OFF,
        warmup=",".join(map(str, pace.warmup)) or OFF,
        new_contacts=pace.new_contacts or OFF,
        quiet_hours=quiet_hours,
        promise="trio-wa keeps this pace; whether WhatsApp bans a number is not in its hands",
    )


async def _greet_waha(
    url: str, settings: Settings, observer: Observer, oversight: Oversight
) -> None:
    info = await observer.ask(url)
    if info.problem is not None:
        effect = "what it does not take waits"
        log.warning("waha.problem", url=url, problem=info.problem, effect=effect)
        return
    log.info("waha.found", url=url, version=info.version, engine=info.engine)
    async with trio.open_nursery() as nursery:
        for session in settings.sessions:
            if session.url == url:
                nursery.start_soon(_greet_session, session.name, info, oversight)


async def _greet_session(name: str, info: WahaInfo, oversight: Oversight) -> None:
    status = None if info.statuses is None else info.statuses.get(name, MISSING)
    if status not in (None, WORKING):
        remedy = {
            MISSING: "create it in WAHA, or correct WAHA_SESSIONS",
            "SCAN_QR_CODE": f"link the phone: the QR code is at /sessions/{name}/qr",
            "STARTING": "wait a moment: WAHA is starting it",
        }.get(status or "", f"start it: POST /sessions/{name}/restart")
        log.warning("session.not_working", session=name, status=status, remedy=remedy)
        return
    try:
        view = await oversight.first_view(name)
    except StoreUnavailable as error:
        log.warning("session.found", session=name, status=status, store=str(error))
        return
    log.info(
        "session.found",
        session=name,
        status=status or "unreadable",
        paused=view.paused,
        message_ids=_word(view.message_ids),
        look_ups=_word(view.look_ups),
        unknown_outcomes="are looked up" if view.message_ids else "as ON_UNKNOWN says",
    )


def _word(seen: bool | None) -> str:
    return {True: "yes", False: "no", None: "not seen yet"}[seen]
