"""What callers send, as pydantic reads it, and its faults as problems name them."""

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from trio_wa.core.message import OnUnknown
from trio_wa.core.recipient import BadRecipient
from trio_wa.intake.numbers import recipient

Names = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]


class SendBody(BaseModel):
    """The body of `POST /send`. Unknown members are ignored, as in the Go service.

    The context is the region of numbers that start with 0; None: there is none.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    to: Annotated[str, Field(min_length=1)]
    message: Annotated[str, Field(min_length=1)]
    session: Annotated[str, Field(min_length=1)] | Names | None = None
    on_unknown: OnUnknown | None = None

    @model_validator(mode="before")
    @classmethod
    def _in_any_case(cls, members: Any) -> Any:
        """Take `To` for `to`, as Go's encoding/json does; of several the last one counts."""
        if not isinstance(members, dict):
            return members
        return {name.lower(): value for name, value in members.items()}

    @field_validator("to")
    @classmethod
    def _names_somebody(cls, to: str, info: ValidationInfo) -> str:
        try:
            recipient(to, info.context)
        except BadRecipient as error:
            raise ValueError(str(error)) from None
        return to

    @property
    def sessions(self) -> tuple[str, ...]:
        """The sessions that may send it; empty: any."""
        if self.session is None:
            return ()
        names = [self.session] if isinstance(self.session, str) else self.session
        return tuple(sorted(set(names)))


REMEDIES = {
    "missing": "is required",
    "literal_error": "must be hold or resend",
    "string_type": "must be a string",
    "string_too_short": "must not be empty",
    "string_unicode": "is not valid Unicode",
    "too_short": "must name at least one",
}


def faults(error: ValidationError) -> list[dict[str, str]]:
    """What is wrong with a body: one entry a field, in the order of the fields."""
    found: dict[str, dict[str, str]] = {}
    for item in error.errors(include_url=False, include_input=False):
        field = str(item["loc"][0]) if item["loc"] else "body"
        found.setdefault(field, {"field": field, "detail": f"{field} {_detail(item)}"})
    return list(found.values())


def _detail(item: Any) -> str:
    if item["type"] == "json_invalid":
        return f"is not JSON: {item['ctx']['error']}"
    if item["type"] == "model_type":
        return 'must be a JSON object such as {"to": "6281234567890", "message": "Hello"}'
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    if item["loc"][:1] == ("session",):
        return "must be a session's name or a list of names"
    return REMEDIES.get(item["type"], str(item["msg"]))
