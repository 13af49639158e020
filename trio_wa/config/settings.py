"""Every setting, its default and its bounds."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from trio_wa.config.alert_kinds import AlertUrl, Command
from trio_wa.config.api_keys import ApiKey
from trio_wa.config.kinds import (
    MEMORY,
    ApiKeys,
    Endpoint,
    Flag,
    Host,
    Journal,
    Key,
    Region,
    Secret,
    Share,
    Url,
    any_case,
    duration,
    size,
    whole,
)
from trio_wa.config.opt_out_kinds import Keywords
from trio_wa.config.pace import PRESETS, put_together
from trio_wa.config.pace_kinds import DailyCap, Gap, NewContactRate, Quiet, Rate, Restarts, Warmup
from trio_wa.config.secret_file import ApiKeysFile, KeyFile, SecretFile
from trio_wa.core.duration import format_duration
from trio_wa.core.limits import Limits
from trio_wa.core.session import Session, parse_sessions

DRAIN_SECONDS = 6.0
"""The drain with a store on disk: the whole stop stays below the 10 s of `docker stop`."""


class Settings(BaseSettings):
    """What an operator can choose; each field is the variable of its name in upper case.

    An empty variable counts as not set. Durations are in seconds. A new setting is a field
    here and its lines in `.env.example`; the example that an error line shows is the default.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    host: Host = "127.0.0.1"
    port: Annotated[int, whole(0, 65_535)] = 8080
    waha_url: Url = Field(examples=["http://localhost:3000"])
    waha_api_key: Key | None = Field(default=None, examples=["the-key-of-your-waha"])
    waha_api_key_file: KeyFile | None = Field(default=None, examples=["/run/secrets/waha_api_key"])
    sessions: Annotated[tuple[Session, ...], NoDecode] = Field(
        validation_alias="WAHA_SESSIONS", examples=["default,marketing"]
    )
    default_region: Region = "ID"
    session_poll: Annotated[float, duration("100ms", "1h")] = 5.0
    session_rotation: Annotated[Literal["round_robin", "sticky"], any_case] = "round_robin"
    pace: Annotated[Literal["off", "gentle", "careful"], any_case] = Field(
        default="off", examples=["gentle"]
    )
    session_rate: Rate | None = Field(default=None, examples=["20"])
    session_gap: Annotated[Gap | None, NoDecode] = Field(default=None, examples=["2-6"])
    session_daily_cap: DailyCap | None = Field(default=None, examples=["300"])
    warmup: Annotated[Warmup | None, NoDecode] = Field(default=None, examples=["20,40,80,160"])
    new_contact_rate: NewContactRate | None = Field(default=None, examples=["60"])
    quiet_hours: Annotated[Quiet, NoDecode] = Field(
        default=None, examples=["21:00-07:00 Asia/Jakarta"]
    )
    timelock_hold: Annotated[float, duration("1m", "30d")] = 6 * 3600.0
    ghost_share: Share = Field(default=0.2, examples=["0.2"])
    session_auto_restart: Restarts = Field(default=0, examples=["3"])
    alert_command: Annotated[Command | None, NoDecode] = Field(
        default=None, repr=False, examples=["/usr/local/bin/alert"]
    )
    alert_url: AlertUrl | None = Field(default=None, examples=["http://alerts:9000/trio-wa"])
    waha_webhook_secret: Secret | None = Field(default=None, examples=["a-long-random-text"])
    waha_webhook_secret_file: SecretFile | None = Field(
        default=None, examples=["/run/secrets/waha_webhook_secret"]
    )
    waha_webhook_url: Endpoint | None = Field(
        default=None, examples=["http://trio-wa:8080/webhooks/waha"]
    )
    opt_out_keywords: Annotated[Keywords, NoDecode] = Field(
        default=("STOP", "BERHENTI"), examples=["STOP,BERHENTI"]
    )
    queue_capacity: Annotated[int, whole(1, 1_000_000)] = 10_000
    worker_count: Annotated[int, whole(1, 1_000)] = 50
    send_timeout: Annotated[float, duration("10ms", "1h")] = 130.0
    message_ttl: Annotated[float, duration("10ms", "365d")] = 86_400.0
    max_attempts: Annotated[int, whole(1, 1_000)] = 5
    retry_base: Annotated[float, duration("1ms", "1h")] = 1.0
    retry_max: Annotated[float, duration("1ms", "24h")] = 60.0
    drain_timeout: Annotated[float, duration("0", "24h")] | None = Field(
        default=None, examples=["6s"]
    )
    on_unknown: Annotated[Literal["hold", "resend"], any_case] = "hold"
    message_ids: Annotated[Literal["auto", "off"], any_case] = "auto"
    confirm_timeout: Annotated[float, duration("0", "24h")] = 60.0
    confirm_resend: Annotated[Literal["off", "once"], any_case] = "off"
    check_exists: Annotated[Literal["off", "new"], any_case] = "off"
    log_level: Annotated[Literal["debug", "info", "warning", "error"], any_case] = "info"
    log_format: Annotated[Literal["console", "json"], any_case] | None = Field(
        default=None, examples=["json"]
    )
    max_body_bytes: Annotated[int, whole(100, 100_000_000)] = 1_000_000
    journal_path: Journal = "data/trio-wa.db"
    max_backlog: Annotated[int, whole(1, 100_000_000)] | None = Field(
        default=None, examples=["100000"]
    )
    max_scheduled: Annotated[int, whole(0, 100_000_000)] = 1_000_000
    min_free_disk: Annotated[int, size(0, 10**15)] = Field(default=100_000_000, examples=["100MB"])
    lock_wait: Annotated[float, duration("0", "24h")] = 0.0
    text_retention: Annotated[float, duration("0", "3650d")] = 86_400.0
    retention: Annotated[float, duration("0", "3650d")] = 30 * 86_400.0
    api_keys: Annotated[ApiKeys | None, NoDecode] = Field(
        default=None, examples=["shop:9f86d081…:send+read"]
    )
    api_keys_file: Annotated[ApiKeysFile | None, NoDecode] = Field(
        default=None, examples=["/run/secrets/api_keys"]
    )
    allow_anonymous: Flag = False

    @field_validator("sessions", mode="before")
    @classmethod
    def _read_sessions(cls, value: object, info: ValidationInfo) -> object:
        return (
            parse_sessions(value, info.data.get("waha_url", ""))
            if isinstance(value, str)
            else value
        )

    @field_validator("retry_max")
    @classmethod
    def _order_retries(cls, value: float, info: ValidationInfo) -> float:
        base = info.data.get("retry_base", value)
        if value < base:
            least = f"RETRY_MAX={format_duration(base)}"
            raise ValueError(f"must not be below RETRY_BASE, for example {least}")
        return value

    @field_validator("retention")
    @classmethod
    def _outlive_texts(cls, value: float, info: ValidationInfo) -> float:
        texts = info.data.get("text_retention", value)
        if value < texts:
            least = f"RETENTION={format_duration(texts)}"
            raise ValueError(f"must not be below TEXT_RETENTION, for example {least}")
        return value

    @field_validator("waha_api_key_file", "waha_webhook_secret_file", "api_keys_file")
    @classmethod
    def _stand_alone(cls, value: object, info: ValidationInfo) -> object:
        plain = str(info.field_name).removesuffix("_file")
        if value is not None and info.data.get(plain) is not None:
            raise ValueError(f"is set, and so is {plain.upper()}: remove one of them")
        return value

    @field_validator("waha_webhook_url")
    @classmethod
    def _be_told_by_waha_alone(cls, value: str | None, info: ValidationInfo) -> str | None:
        secrets = ("waha_webhook_secret", "waha_webhook_secret_file")
        none_set = all(name in info.data and info.data[name] is None for name in secrets)
        if value is not None and none_set:
            raise ValueError("needs a secret, with which WAHA signs: set WAHA_WEBHOOK_SECRET")
        return value

    @field_validator("api_keys", "api_keys_file")
    @classmethod
    def _bind_to_known_sessions(
        cls, value: tuple[ApiKey, ...] | None, info: ValidationInfo
    ) -> tuple[ApiKey, ...] | None:
        known = {session.name for session in info.data.get("sessions", ())}
        for key in value or () if known else ():
            if strangers := sorted(set(key.sessions) - known):
                raise ValueError(
                    f"must bind {key.name} to sessions of WAHA_SESSIONS, not to {strangers[0]!r}"
                )
        return value

    @property
    def waha_key(self) -> str | None:
        """WAHA's key, wherever it comes from; None if this WAHA asks for none."""
        key = self.waha_api_key or self.waha_api_key_file
        return None if key is None else key.get_secret_value()

    @property
    def webhook_secret(self) -> str | None:
        """The key with which WAHA signs its webhooks, wherever it comes from; None without one."""
        secret = self.waha_webhook_secret or self.waha_webhook_secret_file
        return None if secret is None else secret.get_secret_value()

    @property
    def region(self) -> str | None:
        """The region of numbers that start with 0; None: they are refused."""
        return None if self.default_region == "off" else self.default_region

    @property
    def keys(self) -> tuple[ApiKey, ...]:
        """The API keys of callers, wherever they come from."""
        return self.api_keys or self.api_keys_file or ()

    @property
    def limits(self) -> Limits:
        """What bounds each session: the preset of `pace`, and what is set beside it."""
        pace = put_together(
            PRESETS[self.pace],
            rate=self.session_rate,
            gap=self.session_gap,
            daily_cap=self.session_daily_cap,
            warmup=self.warmup,
            new_contacts=self.new_contact_rate,
        )
        return Limits(pace, self.timelock_hold)

    @property
    def alert_target(self) -> str | None:
        """The URL to which alerts are posted, which may hold a token; None without one."""
        return None if self.alert_url is None else self.alert_url.get_secret_value()

    @property
    def backlog(self) -> int:
        """How many accepted messages may wait at once, in memory and in the store together."""
        if self.max_backlog is None or self.in_memory:
            return self.queue_capacity
        return self.max_backlog

    @property
    def in_memory(self) -> bool:
        """Whether accepted messages live in memory alone."""
        return self.journal_path == MEMORY

    @property
    def drain_seconds(self) -> float | None:
        """How long the drain may take; None for no limit, as where only memory holds messages."""
        if self.drain_timeout is None and not self.in_memory:
            return DRAIN_SECONDS
        return self.drain_timeout
