"""What each session sent, by the store in memory."""

from collections import Counter

from trio_wa.adapters.memory_table import Table
from trio_wa.core.status import REACHED, SERVER
from trio_wa.ports import Activity

MINUTE, HOUR, DAY = 60, 3600, 86_400


def activity(table: Table, now: float) -> dict[str, Activity]:
    """What each session sent in the last minute, hour and day."""
    sent: dict[int, Counter[str]] = {MINUTE: Counter(), HOUR: Counter(), DAY: Counter()}
    confirmed: Counter[str] = Counter()
    for row in table.settled.values():
        if row.status not in REACHED or row.session is None or row.settled_at is None:
            continue
        for period, counter in sent.items():
            counter[row.session] += row.settled_at > now - period
        confirmed[row.session] += row.settled_at > now - HOUR and (row.ack or 0) >= SERVER
    return {
        session: Activity(sent[MINUTE][session], sent[HOUR][session], day, confirmed[session])
        for session, day in sent[DAY].items()
        if day
    }
