"""The rules of fault that are in force, and the draw for each request."""

import random
from dataclasses import dataclass

from trio_wa.simulator.faults import KINDS, Faults, Kind, Strike, seconds_of
from trio_wa.simulator.magic_numbers import MagicRecipients

_CALM = Strike()


@dataclass(slots=True)
class FaultRule:
    """Faults for every send, or for those of one session, of one recipient, or of both.

    A rule with `times` ends after it has struck so often.
    """

    faults: Faults
    session: str | None = None
    chat_id: str | None = None
    times: int | None = None

    def matches(self, session: str | None, chat_id: str | None) -> bool:
        """Whether a send over `session` to `chat_id` is meant."""
        return self.session in (None, session) and self.chat_id in (None, chat_id)

    @property
    def rank(self) -> int:
        """How specific the rule is: recipient before session before everyone."""
        return 2 * (self.chat_id is not None) + (self.session is not None)


class FaultBoard:
    """Decides what befalls a request; the same seed and the same requests give the same faults.

    The most specific rule decides alone; a latency or acks that it leaves open come from the next.
    A magic number is as specific as a rule for its recipient, which comes before it.
    """

    def __init__(self, faults: Faults, rng: random.Random) -> None:
        self._rng = rng
        self._rules: list[FaultRule] = []
        self._magic = MagicRecipients()
        self.put(FaultRule(faults))

    @property
    def rules(self) -> tuple[FaultRule, ...]:
        """The rules in force, the most specific first."""
        return tuple(self._rules)

    def put(self, rule: FaultRule) -> None:
        """Set `rule` in the place of the one for the same session and recipient."""
        self.remove(rule.session, rule.chat_id)
        if rule.faults != Faults() or rule.rank:
            self._rules.append(rule)
            self._rules.sort(key=lambda each: -each.rank)

    def remove(self, session: str | None, chat_id: str | None) -> None:
        """Remove the rule for exactly this session and recipient, if there is one."""
        where = (session, chat_id)
        self._rules = [each for each in self._rules if (each.session, each.chat_id) != where]

    def clear(self) -> None:
        """Remove every rule; magic numbers begin anew."""
        self._rules.clear()
        self._magic.clear()

    def find(self, session: str | None, chat_id: str | None) -> Faults:
        """The faults set for exactly this session and recipient."""
        for rule in self._rules:
            if (rule.session, rule.chat_id) == (session, chat_id):
                return rule.faults
        return Faults()

    def draw(self, session: str | None, chat_id: str | None) -> Strike:
        """Draw what befalls a send over `session` to `chat_id`."""
        magic = self._magic.draw(chat_id)
        if not self._rules and magic is None:
            return _CALM
        rules = [rule for rule in self._rules if rule.matches(session, chat_id)]
        if magic is not None and not (rules and rules[0].chat_id):
            rules.insert(0, FaultRule(magic))
        if not rules:
            return _CALM
        first = rules[0]
        kind = self._kind(first.faults)
        latency = next((r.faults.latency for r in rules if r.faults.latency is not None), 0.0)
        acks = next((r.faults.acks for r in rules if r.faults.acks is not None), None)
        always = first.faults.latency is not None or first.faults.acks is not None
        if first.times is not None and (kind is not None or always):
            first.times -= 1
            if first.times <= 0:
                self.remove(first.session, first.chat_id)
        return Strike(seconds_of(latency, self._rng), kind, first.faults, acks)

    def draw_elsewhere(self) -> Strike:
        """Draw what befalls a request that sends nothing."""
        for rule in self._rules:
            if rule.rank == 0 and rule.faults.everywhere:
                return self.draw(None, None)
        return _CALM

    def _kind(self, faults: Faults) -> Kind | None:
        left = self._rng.random()
        for kind in KINDS:
            left -= getattr(faults, kind)
            if left < 0:
                return kind
        return None
