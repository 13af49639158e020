"""When a message is about to begin: what goes before it, and how long that takes at least."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypeAlias

from trio_wa.core.affinity import Route
from trio_wa.core.behind import Behind
from trio_wa.core.lanes import Lanes
from trio_wa.core.message import LANES, Message, Priority
from trio_wa.core.quiet_hours import QUIET, QuietHours
from trio_wa.core.rotation import Rotation
from trio_wa.core.slot import Slot
from trio_wa.core.turns import PASSES, Turns

NEARLY = 1e-9
"""How much less than a whole round of a session still counts as one: sums are rounded."""

Numbers: TypeAlias = Mapping[Route, int]


class _Ahead(NamedTuple):
    """How many go before a message, over whichever session it goes itself.

    `bound` to go over one session each, before it over that; `within` its sessions, over any of
    them; and `pooled` over any of these or of others.
    """

    bound: Mapping[str, int]
    within: int
    pooled: int

    def behind(self, higher: "_Ahead", left: int, *, mine: int, usable: int) -> "_Ahead":
        """The same with those of `higher` lanes, which pass it over `left` times to begin with.

        They pass it over whichever session they take: of so many that are `usable`, one of `mine`
        or another.
        """
        names = {*self.bound, *higher.bound}
        return _Ahead(
            {
                name: _sum(self.bound.get(name, 0), higher.bound.get(name, 0), left, 1 / usable)
                for name in names
            },
            _sum(self.within, higher.within, left, mine / usable),
            _sum(self.pooled, higher.pooled, left, 1.0),
        )


class Forecast:
    """What is to be expected of `lanes` of messages that leave by a rotation and quiet hours.

    It is optimistic, so that nothing leaves sooner: all that works keeps to the smallest gaps, and
    what need not go before a message does not. Failures, caps that are reached on the way, and
    slow answers come on top.
    """

    def __init__(
        self, lanes: Lanes, turns: Turns, rotation: Rotation, quiet_hours: QuietHours | None
    ) -> None:
        self._lanes = lanes
        self._turns = turns
        self._rotation = rotation
        self._quiet_hours = quiet_hours

    def behind(self, priority: Priority) -> Behind:
        """Who counts what does not go before messages of a lane."""
        return Behind(self._lanes[priority])

    def surely_before(self, at: float, now: float, priority: Priority, number: int) -> bool:
        """Whether any message of a lane may begin before `at`, behind `number` others at most.

        False where it takes `begins_at` to tell, which costs more.
        """
        if self._quiet(priority) is not None:
            return False
        opens_at = [each.pacer.opens_for_new_at for each in self._rotation.slots.values()]
        spacing = self._rotation.limits.pace.least_spacing(new=True)
        return max(now, *opens_at) + number * spacing < at

    def begins_at(
        self,
        message: Message,
        now: float,
        *,
        outside: int = 0,
        above: int = 0,
        behind: Behind | None = None,
    ) -> float | None:
        """When a message begins, as early as can be; None if no session works that it allows.

        All goes before it that waits in its lane and the higher ones, but what is `behind` it, and
        what is in no ready set: so many `outside` of its own, and `above` of the higher ones.
        """
        route, ready = self._rotation.route(message), self._lanes[message.priority]
        if route.new and any(lane.follows(message) for lane in self._lanes.values()):
            route = route._replace(new=False)  # the one before makes its contact known
        slots = self._slots(route, now)
        if not slots:
            return None
        numbers: Numbers = ready.numbers
        strangers: Numbers = ready.strangers
        if behind is not None:
            numbers, strangers = _less(numbers, behind.numbers), _less(strangers, behind.strangers)
        higher = [self._lanes[lane] for lane in LANES[: LANES.index(message.priority)]]
        after = partial(self._after, slots, now=now, priority=message.priority)
        if route.new:
            lanes = [_all(lane.numbers, lane.strangers) for lane in higher if lane.numbers]
            at = after(_all(numbers, strangers), lanes, outside, above, new=False)
            lanes = [lane.strangers for lane in higher if lane.strangers]
            at = max(at, after(strangers, lanes, 0, 0, new=True))
        else:
            lanes = [_known(lane.numbers) for lane in higher if lane.numbers]
            at = after(_known(numbers), lanes, outside, above, new=False)
        if outside or above or self._quiet(message.priority):
            return at
        # What expires before its turn takes no time.
        over = max(lane.last_expiry for lane in (ready, *higher))
        return min(at, max(over, min(_openings(slots, now, new=route.new))))

    def of_known(
        self, message: Message, now: float, *, outside: int = 0, above: int = 0
    ) -> float | None:
        """The same of a message whose recipient is known to any one of the sessions."""
        known = [
            replace(message, known_to=(name,)) for name in self._rotation.usable(message.sessions)
        ]
        estimates = [self.begins_at(each, now, outside=outside, above=above) for each in known]
        return min((at for at in estimates if at is not None), default=None)

    def _slots(self, route: Route, now: float) -> Sequence[Slot]:
        """The sessions that work over which a message may go first."""
        if route.first is not None:
            slot = self._rotation.slots[route.first]
            if slot.obstructed_until(new=route.new) <= now:
                return [slot]
        return [slot for slot in self._rotation.allowed(route.allowed) if slot.usable]

    def _after(
        self,
        slots: Sequence[Slot],
        numbers: Numbers,
        higher: Sequence[Numbers],
        outside: int,
        above: int,
        *,
        now: float,
        priority: Priority,
        new: bool,
    ) -> float:
        """When all of these have begun over `slots`, and those of the `higher` lanes.

        `new` says that they are all first messages to a contact.
        """
        own = self._ahead(slots, [numbers])
        own = whole = own._replace(pooled=own.pooled + outside)
        if higher or above:
            others = self._ahead(slots, higher)
            others = others._replace(pooled=others.pooled + above)
            usable = len(self._rotation.usable())
            whole = own.behind(others, self._turns.left(priority), mine=len(slots), usable=usable)
        at = self._end(slots, whole, now, new=new)
        if (quiet := self._quiet(priority)) is None:
            return at
        # What is of higher lanes goes in quiet hours too.
        start = min(_openings(slots, now, new=new))
        held = self._end(slots, own, now, new=new)
        return max(at, quiet.after(start, held - start))

    def _quiet(self, priority: Priority) -> QuietHours | None:
        return self._quiet_hours if priority == QUIET else None

    def _ahead(self, slots: Sequence[Slot], lanes: Iterable[Numbers]) -> _Ahead:
        mine = {slot.session.name for slot in slots}
        bound: dict[str, int] = {}
        within = pooled = 0
        for route, number in itertools.chain.from_iterable(lane.items() for lane in lanes):
            over = {route.first} if route.first else {*self._rotation.usable(route.allowed)}
            if len(over) == 1:
                [name] = over
                bound[name] = bound.get(name, 0) + number
            if over >= mine:
                pooled += number
                within += number if over == mine else 0
        return _Ahead(bound, within, pooled)

    def _end(self, slots: Sequence[Slot], ahead: _Ahead, now: float, *, new: bool) -> float:
        spacing = self._rotation.limits.pace.least_spacing(new=new)
        openings = _openings(slots, now, new=new)
        bound = [ahead.bound.get(slot.session.name, 0) for slot in slots]
        at = min(at + number * spacing for at, number in zip(openings, bound, strict=True))
        if ahead.pooled:
            everywhere = [slot for slot in self._rotation.allowed(()) if slot.usable]
            at = max(at, _begin(_openings(everywhere, now, new=new), spacing, ahead.pooled))
        return max(at, _begin(openings, spacing, ahead.within)) if ahead.within else at


def _less(numbers: Numbers, those: Numbers) -> Numbers:
    return {route: number - those.get(route, 0) for route, number in numbers.items()}


def _known(numbers: Numbers) -> Numbers:
    """Those to known contacts: no other such message waits for one to a new contact."""
    return {route: number for route, number in numbers.items() if not route.new}


def _all(numbers: Numbers, strangers: Numbers) -> Numbers:
    """Those to known contacts and new ones, but what follows a first message that may go anywhere.

    It goes where that went, and others go past it over other sessions.
    """
    return {
        route: strangers[route] if route.new and route.first is None else number
        for route, number in numbers.items()
    }


def _sum(own: int, higher: int, left: int, share: float) -> int:
    """How many go before one of so many in its `own` lane and in `higher` ones."""
    return own + min(higher, int((PASSES * own + left) * share))


def _openings(slots: Iterable[Slot], now: float, *, new: bool) -> list[float]:
    pacers = (slot.pacer for slot in slots)
    return [max(now, each.opens_for_new_at if new else each.opens_at) for each in pacers]


def _begin(openings: Iterable[float], spacing: float, number: int) -> float:
    """When the next begins after `number` others, over sessions that open at these times.

    Each goes over the first session that is free, which is free again after `spacing` seconds.
    """
    first, *others = sorted(openings)
    # Spread evenly, so many would take all sessions up to this level. What is asked for is among
    # the last begin of each of them up to there.
    level, offsets = number * spacing, [0.0]
    for opening in others:
        if opening - first >= level:
            break
        offsets.append(opening - first)
        level = (sum(offsets) + number * spacing) / len(offsets)
    if level <= 0:
        return first
    rounds = [int((level - offset) / spacing + NEARLY) for offset in offsets]
    begins = sorted(offset + each * spacing for offset, each in zip(offsets, rounds, strict=True))
    return first + begins[number - sum(rounds)]
