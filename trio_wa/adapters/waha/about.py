"""What one WAHA says of itself and of its sessions."""

from trio_wa.adapters.waha.answer import BUSY, Answer, short
from trio_wa.adapters.waha.exchange import Silence
from trio_wa.ports import WahaInfo


def about(url: str, version: Answer | Silence) -> WahaInfo:
    """Version and engine, from the answer to `GET /api/version`."""
    if (problem := _problem(version)) is not None or isinstance(version, Silence):
        return WahaInfo(url, problem=problem)
    members = version.members()
    if not version.successful or not isinstance(members.get("version"), str):
        return WahaInfo(url, problem="does not answer as WAHA does: check WAHA_URL")
    return WahaInfo(url, short(members["version"]), short(str(members.get("engine"))))


def about_sessions(url: str, sessions: Answer | Silence) -> WahaInfo:
    """The status of each session, from the answer to `GET /api/sessions`.

    A WAHA without that endpoint is no problem: it cannot tell.
    """
    if (problem := _problem(sessions)) is not None or isinstance(sessions, Silence):
        return WahaInfo(url, problem=problem)
    return WahaInfo(url, statuses=_statuses(sessions))


def _problem(answer: Answer | Silence) -> str | None:
    match answer:
        case Silence("timeout", detail):
            return f"{detail}: is this WAHA?"
        case Silence(_, detail):
            return f"cannot be reached ({detail}): is it running?"
        case Answer(status=401 | 403):
            return "WAHA refuses the key: check WAHA_API_KEY"
        case Answer(status=status) if status in BUSY or (status >= 500 and status != 501):
            return answer.detail
        case _:
            return None


def _statuses(answer: Answer) -> dict[str, str] | None:
    listed = answer.json() if answer.successful else None
    if not isinstance(listed, list):
        return None
    statuses = {
        item["name"]: short(item["status"])
        for item in listed
        if isinstance(item, dict)
        and isinstance(item.get("name"), str)
        and isinstance(item.get("status"), str)
    }
    return statuses if statuses or not listed else None
