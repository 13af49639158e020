import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from trio_wa.config import Settings, SettingsError, load_settings
from trio_wa.core.session import Session

REQUIRED = {"WAHA_URL": "http://waha:3000", "WAHA_SESSIONS": "default"}
EXAMPLE = Path(__file__).parents[1] / ".env.example"
VARIABLES = sorted(
    str(info.validation_alias or name).upper() for name, info in Settings.model_fields.items()
)
SECRETS = {"WAHA_API_KEY", "WAHA_WEBHOOK_SECRET", "ALERT_COMMAND", "ALERT_URL"}
# From WAHA's pages on configuration, security, storages, dashboard and apps, and a few that
# stand in many a shared .env.
OTHERS = re.findall(
    r"\w+",
    """
    WAHA_API_KEY_PLAIN WAHA_API_KEY_EXCLUDE_PATH WAHA_NO_API_KEY WHATSAPP_API_KEY
    WHATSAPP_API_KEY_EXCLUDE_PATH WAHA_DASHBOARD_ENABLED WAHA_DASHBOARD_USERNAME
    WAHA_DASHBOARD_PASSWORD WAHA_DASHBOARD_NO_PASSWORD WHATSAPP_API_PORT WHATSAPP_API_HOSTNAME
    WHATSAPP_API_SCHEMA WAHA_BASE_URL WAHA_PUBLIC_URL WAHA_DEBUG_MODE WAHA_LOG_FORMAT
    WAHA_LOG_LEVEL WAHA_HTTP_LOG_LEVEL WHATSAPP_DEFAULT_ENGINE WAHA_AUTO_START_DELAY_SECONDS
    WAHA_PRINT_QR WAHA_WORKER_ID WHATSAPP_RESTART_ALL_SESSIONS WAHA_RESTART_ALL_SESSIONS
    WAHA_WORKER_RESTART_SESSIONS WHATSAPP_START_SESSION WAHA_ZIPPER WAHA_CLIENT_DEVICE_NAME
    WAHA_CLIENT_BROWSER_NAME WAHA_NAMESPACE WAHA_SESSION_NAMESPACE WAHA_LOCAL_STORE_BASE_DIR
    WAHA_SQLITE_ENGINE WHATSAPP_SESSIONS_POSTGRESQL_URL WHATSAPP_SESSIONS_MONGO_URL
    WAHA_SESSION_CONFIG_IGNORE_STATUS WAHA_SESSION_CONFIG_IGNORE_GROUPS
    WAHA_PRESENCE_AUTO_ONLINE WAHA_APPS_ENABLED WAHA_APPS_ON WHATSAPP_HOOK_URL
    WHATSAPP_HOOK_EVENTS WHATSAPP_HOOK_HMAC_KEY WHATSAPP_HOOK_RETRIES_POLICY
    WHATSAPP_HOOK_RETRIES_DELAY_SECONDS WHATSAPP_HOOK_RETRIES_ATTEMPTS
    WHATSAPP_HOOK_CUSTOM_HEADERS WHATSAPP_SWAGGER_ENABLED WHATSAPP_SWAGGER_USERNAME
    WHATSAPP_SWAGGER_PASSWORD WHATSAPP_PROXY_SERVER WHATSAPP_PROXY_SERVER_USERNAME
    WHATSAPP_FILES_LIFETIME WHATSAPP_FILES_FOLDER WAHA_MEDIA_STORAGE WAHA_MEDIA_POSTGRESQL_URL
    WAHA_S3_REGION WAHA_S3_BUCKET WAHA_HTTPS_ENABLED WAHA_HTTPS_PATH_KEY REDIS_URL TZ DEBUG
    HOSTNAME DB_HOST DB_PORT SMTP_HOST SMTP_PORT HTTP_PORT DATABASE_URL POSTGRES_PASSWORD
    API_KEY LOG_FILE MAX_RETRIES NODE_ENV COMPOSE_PROJECT_NAME
""",
)
NEAR_MISSES = {
    "WAHA_SESSION": "WAHA_SESSIONS",
    "WAHA_SESIONS": "WAHA_SESSIONS",
    "waha_session": "WAHA_SESSIONS",
    "WAHA-SESSIONS": "WAHA_SESSIONS",
    "'WAHA_SESSION'": "WAHA_SESSIONS",
    "WORKERS_COUNT": "WORKER_COUNT",
    "Worker_Counts": "WORKER_COUNT",
    "WAHA_APIKEY": "WAHA_API_KEY",
    "WAHA_URI": "WAHA_URL",
    "WAHAURL": "WAHA_URL",
    "MAX_ATTEMPT": "MAX_ATTEMPTS",
    "LOGLEVEL": "LOG_LEVEL",
    "DRAIN_TIMOUT": "DRAIN_TIMEOUT",
    "SESSIONS_RATE": "SESSION_RATE",
}
# Settings below which another may not be: the error then names that one.
BOUNDED_BY = {"RETRY_BASE": "RETRY_MAX", "TEXT_RETENTION": "RETENTION"}

EnvFile = Callable[[str | bytes], Path]


@pytest.fixture(autouse=True)
def environment(tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """An environment without settings, and a working directory without a `.env`."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.upper() in VARIABLES:
                patch.delenv(name)
        patch.chdir(tmp_path)
        yield patch


@pytest.fixture
def env_file(tmp_path: Path) -> EnvFile:
    """Writes the `.env` of the working directory."""

    def write(content: str | bytes) -> Path:
        raw = content if isinstance(content, bytes) else content.encode()
        (tmp_path / ".env").write_bytes(raw)
        return Path(".env")

    return write


def lines_of(**variables: str) -> str:
    return "".join(f"{name}={value}\n" for name, value in (REQUIRED | variables).items())


def problems(*args: Any, **overrides: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(*args, **overrides)
    return str(caught.value).split("\n")


def test_two_variables_are_enough(environment: pytest.MonkeyPatch) -> None:
    for name, value in REQUIRED.items():
        environment.setenv(name, value)
    settings = load_settings()
    assert settings.sessions == (Session("default", "http://waha:3000"),)
    assert settings.waha_url == "http://waha:3000"
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert (settings.queue_capacity, settings.worker_count) == (10_000, 50)
    assert (settings.send_timeout, settings.message_ttl) == (130.0, 86_400.0)
    assert (settings.max_attempts, settings.retry_base, settings.retry_max) == (5, 1.0, 60.0)
    assert settings.drain_timeout is None
    assert settings.waha_api_key is None
    assert (settings.on_unknown, settings.log_level, settings.log_format) == ("hold", "info", None)
    assert settings.max_body_bytes == 1_000_000
    assert (settings.session_poll, settings.session_rotation) == (5.0, "round_robin")
    assert (settings.message_ids, settings.check_exists) == ("auto", "off")
    assert (settings.confirm_timeout, settings.confirm_resend) == (60.0, "off")
    assert (settings.webhook_secret, settings.waha_webhook_url) == (None, None)


def test_a_webhook_secret_is_read_from_a_variable_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("of the file\n")
    given_settings = {"waha_url": "http://waha", "sessions": "a"}
    plain = load_settings(None, **given_settings, waha_webhook_secret="sha512:plain")
    assert plain.webhook_secret == "sha512:plain"
    url = "http://trio-wa:8080/webhooks/waha"
    filed = load_settings(
        None, **given_settings, waha_webhook_secret_file=str(path), waha_webhook_url=url
    )
    assert (filed.webhook_secret, filed.waha_webhook_url) == ("of the file", url)
    assert "of the file" not in repr(filed)


def test_a_webhook_secret_stands_in_one_place(tmp_path: Path, env_file: EnvFile) -> None:
    (tmp_path / "secret").write_text("letmein")
    text = lines_of(WAHA_WEBHOOK_SECRET="letmein", WAHA_WEBHOOK_SECRET_FILE="secret")
    (line,) = problems(env_file(text))
    assert line.startswith("WAHA_WEBHOOK_SECRET_FILE (.env, line 4) is set, and so is WAHA_WEBHOOK")
    assert "letmein" not in line


def test_a_wrong_webhook_secret_is_one_problem_and_not_the_url_s_too(env_file: EnvFile) -> None:
    text = lines_of(WAHA_WEBHOOK_SECRET_FILE="nowhere", WAHA_WEBHOOK_URL="http://x/webhooks/waha")
    (line,) = problems(env_file(text))
    assert line.startswith("WAHA_WEBHOOK_SECRET_FILE (.env, line 3) must name a readable file")


def test_settings_cannot_be_changed(env_file: EnvFile) -> None:
    settings = load_settings(env_file(lines_of()))
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1


def test_the_environment_wins_over_the_file_and_overrides_over_both(
    env_file: EnvFile, environment: pytest.MonkeyPatch
) -> None:
    path = env_file(lines_of(PORT="1", WORKER_COUNT="1", MAX_ATTEMPTS="1"))
    environment.setenv("WORKER_COUNT", "2")
    environment.setenv("MAX_ATTEMPTS", "2")
    settings = load_settings(path, max_attempts=3)
    assert (settings.port, settings.worker_count, settings.max_attempts) == (1, 2, 3)


def test_the_file_is_not_read_when_there_is_none_to_read(env_file: EnvFile) -> None:
    env_file("PORT=0x1\n")
    settings = load_settings(None, waha_url="http://waha", sessions="a", port=0)
    assert settings.port == 0


def test_an_empty_value_counts_as_not_set(
    env_file: EnvFile, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("PORT", "")
    environment.setenv("LOG_FORMAT", "")
    settings = load_settings(env_file(lines_of(PORT="9000", DRAIN_TIMEOUT="", WAHA_API_KEY="")))
    assert settings.port == 9000
    assert settings.log_format is None
    assert settings.drain_timeout is None
    assert settings.waha_api_key is None


def test_choices_are_read_in_any_case(env_file: EnvFile) -> None:
    text = lines_of(LOG_LEVEL="WARNING", LOG_FORMAT="Json", ON_UNKNOWN="RESEND")
    settings = load_settings(env_file(text))
    assert settings.log_level == "warning"
    assert settings.log_format == "json"
    assert settings.on_unknown == "resend"


@pytest.mark.parametrize(
    ("text", "keywords"),
    [
        ("", ("STOP", "BERHENTI")),
        (" Stop all , arrêt", ("Stop all", "arrêt")),
        ("stop,Stop!,STOP", ("stop",)),
        ("off", ()),
        (" OFF ", ()),
        (",".join(f"no{number}" for number in range(100)), tuple(f"no{n}" for n in range(100))),
    ],
)
def test_opt_out_keywords_are_separated_by_commas(
    env_file: EnvFile, text: str, keywords: tuple[str, ...]
) -> None:
    assert load_settings(env_file(lines_of(OPT_OUT_KEYWORDS=text))).opt_out_keywords == keywords


def test_there_are_not_too_many_opt_out_keywords(env_file: EnvFile) -> None:
    many = ",".join(f"no{number}" for number in range(101))
    (line,) = problems(env_file(lines_of(OPT_OUT_KEYWORDS=many)))
    assert "must be 100 words at most, for example OPT_OUT_KEYWORDS=STOP,BERHENTI" in line


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfWAHA_URL=http://waha:3000\r\nWAHA_SESSIONS=default\r\nPORT=9\r\n",
        b"# first\n\nexport WAHA_URL='http://waha:3000' # why\nWAHA_SESSIONS=\"default\"\nPORT = 9",
        b"H=waha\nWAHA_URL=http://${H}:${P:-3000}\nWAHA_SESSIONS=default # one\nPORT=9\n",
        b"waha_url=http://waha:3000\nWaha_Sessions=default\nport=9\n",
    ],
)
def test_reads_the_env_files_people_write(env_file: EnvFile, content: bytes) -> None:
    settings = load_settings(env_file(content))
    assert settings.sessions == (Session("default", "http://waha:3000"),)
    assert settings.port == 9


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("PORT", "65536", "must be a whole number from 0 to 65535, for example PORT=8080"),
        ("PORT", "-1", "must be a whole number from 0 to 65535"),
        ("PORT", "80.0", "must be a whole number from 0 to 65535"),
        ("PORT", "http", "must be a whole number from 0 to 65535"),
        ("PORT", "٨٠", "must be a whole number from 0 to 65535"),
        ("PORT", "9" * 5000, "must be a whole number from 0 to 65535"),
        ("HOST", "0.0.0.0:80", "must be an address or a host name, without a port"),
        ("HOST", "http://x", "must be an address or a host name, without a port"),
        ("HOST", "1.2.3", "must be an address or a host name, without a port"),
        ("WAHA_URL", "localhost:3000", "must be an http or https URL with a host"),
        ("HOST", "waha..local", "must be an address or a host name, without a port"),
        ("WAHA_URL", "http://waha..local:3000", "must be an http or https URL with a host"),
        ("WAHA_URL", "http://waha?x=1", "must be a base URL, without a query or fragment"),
        ("WAHA_SESSIONS", "a,,b", "must be session names separated by commas"),
        ("WAHA_SESSIONS", "a@http://.b", "must have a WAHA behind a@, whose URL must be an http"),
        ("WAHA_SESSIONS", "a,a", "must name each session once, and names 'a' twice"),
        ("WAHA_API_KEY", "sha512:98b6", "must be the key itself, not its sha512: hash"),
        ("WAHA_API_KEY", "ключ", "must be printable ASCII"),
        ("QUEUE_CAPACITY", "0", "must be a whole number from 1 to 1000000"),
        ("WORKER_COUNT", "1001", "must be a whole number from 1 to 1000, for example WORKER_C"),
        ("MAX_ATTEMPTS", "0", "must be a whole number from 1 to 1000"),
        ("MAX_BODY_BYTES", "1MB", "must be a whole number from 100 to 100000000"),
        ("SEND_TIMEOUT", "0", "must be a duration from 10ms to 1h, such as 90, 0.5, 90s"),
        ("SEND_TIMEOUT", "nan", "must be a duration from 10ms to 1h"),
        ("MESSAGE_TTL", "1 day", "must be a duration from 10ms to 365d"),
        ("MESSAGE_TTL", "inf", "must be a duration from 10ms to 365d"),
        ("RETRY_BASE", "-1s", "must be a duration from 1ms to 1h"),
        ("RETRY_MAX", "500ms", "must not be below RETRY_BASE, for example RETRY_MAX=1s"),
        ("DRAIN_TIMEOUT", "none", "must be a duration from 0s to 1d"),
        ("ON_UNKNOWN", "retry", "must be 'hold' or 'resend', for example ON_UNKNOWN=hold"),
        ("SESSION_POLL", "0", "must be a duration from 100ms to 1h"),
        ("SESSION_ROTATION", "random", "must be 'round_robin' or 'sticky'"),
        ("MESSAGE_IDS", "on", "must be 'auto' or 'off', for example MESSAGE_IDS=auto"),
        ("CONFIRM_TIMEOUT", "2d", "must be a duration from 0s to 1d"),
        ("CONFIRM_RESEND", "twice", "must be 'off' or 'once', for example CONFIRM_RESEND=off"),
        ("CHECK_EXISTS", "all", "must be 'off' or 'new', for example CHECK_EXISTS=off"),
        ("PACE", "slow", "must be 'off', 'gentle' or 'careful', for example PACE=gentle"),
        ("SESSION_RATE", "0", "must be a whole number from 1 to 6000, or off, for exampl"),
        ("SESSION_RATE", "6001", "must be a whole number from 1 to 6000, or off"),
        ("SESSION_RATE", "0.5", "must be a whole number from 1 to 6000, or off"),
        ("SESSION_GAP", "6-2", "must be the least and the most seconds between two sends, fr"),
        ("SESSION_GAP", "0-3601", "must be the least and the most seconds between two sends"),
        ("SESSION_GAP", "-3", "must be the least and the most seconds between two sends"),
        ("SESSION_GAP", "2-", "must be the least and the most seconds between two sends"),
        ("SESSION_GAP", "2-3-6", "must be the least and the most seconds between two sends"),
        ("SESSION_GAP", "2,6", "must be the least and the most seconds between two sends"),
        ("SESSION_DAILY_CAP", "0", "must be a whole number from 1 to 1000000, or off"),
        ("SESSION_DAILY_CAP", "1000001", "must be a whole number from 1 to 1000000, or off"),
        ("WARMUP", "20,,80", "must be whole numbers from 1 to 1000000, separated by commas, one f"),
        ("WARMUP", "20,0", "must be whole numbers from 1 to 1000000, separated by commas"),
        ("NEW_CONTACT_RATE", "3601", "must be a whole number from 1 to 3600, or off"),
        ("QUIET_HOURS", "21:00-07:00", "must be two times and a time zone, such as 21:00-"),
        ("QUIET_HOURS", "21:00-24:00 UTC", "must hold times from 00:00 to 23:59"),
        ("QUIET_HOURS", "21:00-21:00 UTC", "must end at another time than it starts"),
        ("QUIET_HOURS", "21:00-07:00 Mars/Dune", "must name a time zone, such as 21:00-07:00 Asia"),
        ("TIMELOCK_HOLD", "59s", "must be a duration from 1m to 30d"),
        ("GHOST_SHARE", "1.01", "must be a number from 0 to 1, for example GHOST_SHARE=0.2"),
        ("GHOST_SHARE", "20%", "must be a number from 0 to 1"),
        ("GHOST_SHARE", "nan", "must be a number from 0 to 1"),
        ("SESSION_AUTO_RESTART", "11", "must be a whole number from 0 to 10, or off"),
        ("ALERT_COMMAND", "curl 'http://x", "must be a command line: a quote in it is not closed"),
        ("ALERT_URL", "alerts:9000", "must be an http or https URL with a host"),
        ("ALERT_URL", "http://x..y/?t=1", "must be an http or https URL with a host"),
        ("ALERT_URL", "http://x:port/?t=1", "must be an http or https URL with a host"),
        ("ALERT_URL", "http://me:letmein@x", "must not hold a user name or password"),
        ("ALERT_URL", "http://x/y?t=1#z", "must be a URL without a fragment or blanks"),
        ("ALERT_URL", "http://x/y?t=1 2", "must be a URL without a fragment or blanks"),
        ("WAHA_WEBHOOK_SECRET", "ключ", "must be printable ASCII"),
        ("WAHA_WEBHOOK_URL", "http://x:80", "must be the whole URL, with its path, which is"),
        ("WAHA_WEBHOOK_URL", "http://x..y/z", "must be an http or https URL with a host"),
        ("WAHA_WEBHOOK_URL", "/webhooks/waha", "must be an http or https URL with a host"),
        ("WAHA_WEBHOOK_URL", "http://x/y", "needs a secret, with which WAHA signs: set WAHA_WEB"),
        ("OPT_OUT_KEYWORDS", "STOP,,ARRÊT", "must be words separated by commas, or off: one of"),
        ("OPT_OUT_KEYWORDS", "STOP,!", "must be words separated by commas, or off: one of these"),
        ("OPT_OUT_KEYWORDS", "STOP,off", "must be words, or off alone, which turns them all off"),
        ("OPT_OUT_KEYWORDS", "x" * 65, "must be words, or a few, of 64 characters at most each"),
        ("LOG_LEVEL", "LOUD", "must be 'debug', 'info', 'warning' or 'error'"),
        ("LOG_FORMAT", "xml", "must be 'console' or 'json', for example LOG_FORMAT=json"),
    ],
)
def test_one_line_says_what_is_wrong_and_what_would_be_right(
    env_file: EnvFile, name: str, value: str, problem: str
) -> None:
    (line,) = problems(env_file(lines_of(**{name: value})))
    place = list(REQUIRED | {name: value}).index(name) + 1
    shown = "" if name in SECRETS else f"={value!r}" if len(value) < 80 else "='999"
    assert line.startswith(f"{name}{shown}")
    assert f"(.env, line {place}) {problem}" in line
    assert f"for example {name}=" in line
    assert len(line) < 300


def test_all_problems_are_told_at_once(env_file: EnvFile, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("WORKER_COUNT", "many")
    found = problems(env_file(lines_of(PORT="x", LOG_LEVEL="y")))
    assert [line.split("=")[0] for line in found] == ["PORT", "WORKER_COUNT", "LOG_LEVEL"]
    assert "(environment)" in found[1]


@pytest.mark.parametrize(
    ("overrides", "start"),
    [
        ({"host": 5}, "HOST='5' is wrong: Input should be a valid string"),
        ({"send_timeout": float("inf")}, "SEND_TIMEOUT='inf' must be a duration"),
        ({"send_timeout": 7200.0}, "SEND_TIMEOUT='2h' must be a duration from 10ms to 1h"),
        ({"worker_count": True}, "WORKER_COUNT='True' must be a whole number"),
        ({"worker_count": 2.5}, "WORKER_COUNT='2.5' must be a whole number"),
        ({"ghost_share": 1.5}, "GHOST_SHARE='1.5' must be a number from 0 to 1"),
        ({"session_gap": (6, 2)}, "SESSION_GAP='(6, 2)' must be the least and the most seconds"),
        ({"warmup": (20, 0)}, "WARMUP='(20, 0)' must be whole numbers from 1 to 1000000"),
        ({"alert_command": ()}, "ALERT_COMMAND must name a program first"),
        ({"opt_out_keywords": 5}, "OPT_OUT_KEYWORDS='5' must be words separated by commas, or off"),
        ({"opt_out_keywords": [5]}, "OPT_OUT_KEYWORDS='[5]' must be words separated by commas"),
    ],
)
def test_a_wrong_override_is_told_the_same_way(
    env_file: EnvFile, overrides: dict[str, Any], start: str
) -> None:
    (line,) = problems(env_file(lines_of()), **overrides)
    assert line.startswith(start)


def test_a_missing_setting_says_where_to_set_it() -> None:
    assert problems() == [
        "WAHA_URL is missing: set it in .env or in the environment,"
        " for example WAHA_URL=http://localhost:3000",
        "WAHA_SESSIONS is missing: set it in .env or in the environment,"
        " for example WAHA_SESSIONS=default,marketing",
    ]


@pytest.mark.parametrize("name", VARIABLES)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_whatever_a_variable_holds_is_read_or_refused_by_its_name_in_one_line(
    name: str, value: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for key, given_value in (REQUIRED | {name: value}).items():
            patch.setenv(key, given_value)
        try:
            load_settings(None)
        except SettingsError as error:
            (line,) = str(error).splitlines()
            assert line.startswith((name, BOUNDED_BY.get(name, name)))


@given(st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_file_holds_is_read_or_refused_in_lines_that_name_something(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "some.env"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    for line in str(caught.value).split("\n"):
        assert "some.env" in line or any(name in line for name in VARIABLES)


@given(seconds=st.integers(10, 3_600_000).map(lambda count: count / 1000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_duration_given_in_seconds_is_taken_as_it_is(seconds: float) -> None:
    given_settings = load_settings(
        None, waha_url="http://waha", sessions="a", send_timeout=str(seconds)
    )
    assert given_settings.send_timeout == seconds


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_a_near_miss_in_the_file_is_refused(env_file: EnvFile, name: str) -> None:
    meant = NEAR_MISSES[name]
    lines = problems(env_file(lines_of() + f"\n{name}=1\n"))
    plain = name.strip("'").upper()
    assert lines == [f"{plain} (.env, line 4) is no setting: did you mean {meant}?"]


def test_a_near_miss_stands_for_the_setting_that_is_missing(env_file: EnvFile) -> None:
    text = "WAHA_URL=http://waha\nWAHA_SESSION=a\nWAHA_SESIONS=a\n"
    assert problems(env_file(text)) == [
        "WAHA_SESSION (.env, line 2) is no setting: did you mean WAHA_SESSIONS?",
        "WAHA_SESIONS (.env, line 3) is no setting: did you mean WAHA_SESSIONS?",
    ]


def test_near_misses_in_the_environment_are_other_programs_business(
    environment: pytest.MonkeyPatch, env_file: EnvFile
) -> None:
    environment.setenv("WAHA_SESSION", "x")
    assert load_settings(env_file(lines_of())).port == 8080


def test_the_names_of_others_in_a_shared_file_are_ignored(env_file: EnvFile) -> None:
    others = "".join(f"{name}=${{NOWHERE}}\n" for name in OTHERS)
    assert load_settings(env_file(others + lines_of())).port == 8080


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"PORT=1\n\nWAHA_URL\n", ".env, line 3 is not NAME=value"),
        (b"WAHA_URL: http://waha\n", ".env, line 1 is not NAME=value"),
        (b"set PORT=80\n", ".env, line 1 is not NAME=value"),
        (b'PORT=1\r\n\r\n\r\nWAHA_API_KEY="secret\n', ".env, line 4 is not NAME=value"),
        (b"WAHA_API_KEY='secret' secret\n", ".env, line 1 is not NAME=value"),
        (b"PORT=1\nWAHA_API_KEY=secret\xff\n", ".env, line 2 is not UTF-8"),
        ("WAHA_API_KEY=secret".encode("utf-16"), ".env, line 1 is not UTF-8"),
        ("WAHA_API_KEY=secret".encode("utf-16-le"), ".env is not UTF-8"),
        (b"WAHA_API_KEY=a${secret}\n", "WAHA_API_KEY (.env, line 1) refers to a ${NAME} that is"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_line(
    env_file: EnvFile, content: bytes, problem: str
) -> None:
    (line,) = problems(env_file(content))
    assert line.startswith(problem)
    assert "secret" not in line


def test_a_directory_in_the_files_place_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    (line,) = problems()
    assert line.startswith(".env cannot be read (Is a directory): it must be a readable file")


@pytest.mark.parametrize("source", ["file", "environment", "override"])
@pytest.mark.parametrize("key", ["sha512:letmein", "letmein\x07", "letmein é"])
def test_a_key_is_never_shown(
    env_file: EnvFile, environment: pytest.MonkeyPatch, source: str, key: str
) -> None:
    path = env_file(lines_of(**({"WAHA_API_KEY": key} if source == "file" else {})))
    if source == "environment":
        environment.setenv("WAHA_API_KEY", key)
    overrides = {"waha_api_key": key} if source == "override" else {}
    with pytest.raises(SettingsError) as caught:
        load_settings(path, **overrides)
    assert str(caught.value).startswith("WAHA_API_KEY")
    assert "letmein" not in str(caught.value)
    assert "letmein" not in str(caught.value.__context__)


def test_a_good_key_is_never_shown_either(env_file: EnvFile) -> None:
    settings = load_settings(env_file(lines_of(WAHA_API_KEY="letmein")))
    assert settings.waha_api_key is not None
    assert settings.waha_api_key.get_secret_value() == "letmein"
    assert "letmein" not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    "variables",
    [
        {"WAHA_URL": "http://me:letmein@waha"},
        {"WAHA_URL": "me:letmein@waha:3000"},
        {"WAHA_SESSIONS": "a,b@http://me:letmein@waha"},
    ],
)
def test_a_password_in_a_url_is_refused_and_not_shown(
    env_file: EnvFile, variables: dict[str, str]
) -> None:
    (line,) = problems(env_file(lines_of(**variables)))
    assert line.startswith(next(iter(variables)))
    assert "letmein" not in line


def test_the_example_file_holds_every_setting_at_its_default_but_what_it_recommends() -> None:
    text = EXAMPLE.read_text()
    shipped = load_settings(EXAMPLE)
    assert shipped.waha_url == "http://localhost:3000"
    assert shipped.sessions == (Session("default", "http://localhost:3000"),)
    names = re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE)
    assert sorted(names) == VARIABLES
    recommended = {"session_rotation": "sticky", "pace": "gentle"}
    assert shipped == load_settings(
        None, waha_url="http://localhost:3000", sessions="default", **recommended
    )


def test_what_the_example_file_comments_out_is_the_default(env_file: EnvFile) -> None:
    text = re.sub(r"^#(?=[A-Z_]+=)", "", EXAMPLE.read_text(), flags=re.MULTILINE)
    assert text.count("\nPORT=8080\n") == 1
    assert load_settings(env_file(text)) == load_settings(EXAMPLE)


def test_every_setting_in_the_example_file_has_a_comment() -> None:
    for block in EXAMPLE.read_text().strip().split("\n\n")[1:]:
        *comment, setting = block.split("\n")
        assert comment
        assert all(line.startswith("# ") for line in comment)
        assert re.fullmatch(r"#?[A-Z_]+=\S*", setting)
