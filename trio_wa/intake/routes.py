"""All routes, and what each asks of its caller: the intake put together."""

from collections.abc import Mapping

from trio_wa.clock import Clock
from trio_wa.config import Settings
from trio_wa.intake.accept import Accept
from trio_wa.intake.admission import Admission
from trio_wa.intake.alerts import AlertDesk, Latest
from trio_wa.intake.authorize import Authorize
from trio_wa.intake.batch import AcceptBatch
from trio_wa.intake.batches import Batches
from trio_wa.intake.bulk_retry import BulkRetry
from trio_wa.intake.dispatching import Dispatching
from trio_wa.intake.events import Events, Writing
from trio_wa.intake.health import Health
from trio_wa.intake.http import Request, Response, answer
from trio_wa.intake.messages import Messages
from trio_wa.intake.operations import Operations
from trio_wa.intake.recording import fetched
from trio_wa.intake.router import Methods, Route, Router
from trio_wa.intake.sessions import SessionDesk, Sessions
from trio_wa.intake.suppressions import Suppressions
from trio_wa.intake.views import ledger_view
from trio_wa.intake.webhooks import Webhooks
from trio_wa.ports import MediaStore, Store
from trio_wa.window import Window


def create_intake(
    settings: Settings,
    store: Store,
    media: MediaStore,
    window: Window,
    dispatch: Dispatching,
    sessions: Sessions,
    events: Events,
    writing: Writing,
    alerts: Latest,
    clock: Clock,
) -> Router:
    """The intake: one function from `Request` to `Response`, for any front end."""
    authorize = Authorize(settings.keys, allow_anonymous=settings.allow_anonymous)
    routes = create_routes(
        settings, store, media, window, dispatch, sessions, events, writing, alerts, clock
    )
    return Router(routes, authorize)


def create_routes(
    settings: Settings,
    store: Store,
    media: MediaStore,
    window: Window,
    dispatch: Dispatching,
    sessions: Sessions,
    events: Events,
    writing: Writing,
    alerts: Latest,
    clock: Clock,
) -> Mapping[str, Methods]:
    """Every path, its methods, and for each what a caller needs.

    A query is ignored where the Go service ignored it, and where probes and WAHA may add one.
    """
    names = frozenset(session.name for session in settings.sessions)
    admission = Admission(store, media, window, clock, settings.message_ttl, names, dispatch)
    accept = Accept(admission, settings.region)
    accept_batch = AcceptBatch(admission, settings.region)
    health = Health(store, window, names, dispatch.obstacles)
    messages = Messages(store, dispatch, clock, settings.region)
    operations = Operations(messages, window, settings.message_ttl)
    batches = Batches(messages)
    suppressions = Suppressions(store, dispatch, clock, settings.region)
    desk = SessionDesk(sessions, names)
    alert_desk = AlertDesk(alerts)
    secret = settings.webhook_secret
    webhooks = Webhooks(events, writing, clock, names, secret)

    async def ledger(_request: Request) -> Response:
        return answer(200, ledger_view(await fetched(store.ledger())))

    return {
        "/send": {"POST": Route(accept, "submit", query="ignored")},
        "/send/batch": {"POST": Route(accept_batch, "send", query="read")},
        "/batches/{id}": {"GET": Route(batches.show, "read")},
        "/batches/{id}/cancel": {"POST": Route(batches.cancel, "send")},
        "/suppressions": {"GET": Route(suppressions.list, "read", query="read")},
        "/suppressions/{number}": {
            "GET": Route(suppressions.show, "read"),
            "PUT": Route(suppressions.add, "send"),
            "DELETE": Route(suppressions.remove, "admin"),
        },
        "/messages": {"GET": Route(messages.list, "read", query="read")},
        "/messages/retry": {"POST": Route(BulkRetry(operations), "send", query="read")},
        "/messages/{id}": {"GET": Route(messages.show, "read")},
        "/messages/{id}/cancel": {"POST": Route(operations.cancel, "send")},
        "/messages/{id}/retry": {"POST": Route(operations.retry, "send")},
        "/sessions": {"GET": Route(desk.list, "read")},
        "/sessions/{name}/pause": {"POST": Route(desk.pause, "admin")},
        "/sessions/{name}/resume": {"POST": Route(desk.resume, "admin")},
        "/sessions/{name}/restart": {"POST": Route(desk.restart, "admin")},
        "/sessions/{name}/qr": {"GET": Route(desk.qr_code, "admin")},
        "/alerts": {"GET": Route(alert_desk.list, "read")},
        "/webhooks/waha": {
            "POST": Route(webhooks, "open" if secret else "unsigned", query="ignored")
        },
        "/ledger": {"GET": Route(ledger, "admin")},
        "/livez": {"GET": Route(health.live, "open", query="ignored")},
        "/readyz": {"GET": Route(health.ready, "open", query="ignored")},
    }
