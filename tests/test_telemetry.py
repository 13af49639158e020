import io
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from trio_wa import telemetry
from trio_wa.telemetry import configure_logging, mask


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Broken(io.StringIO):
    """A stderr behind which something is gone."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error


def objects(written: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in written.removesuffix("\n").split("\n")]


def test_json_is_one_object_a_line_with_a_utc_time(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    structlog.get_logger("trio_wa.worker").info("message.sent", message_id="m1", text="a\nb\u2028")
    structlog.get_logger().warning("queue.full")
    first, second = objects(capsys.readouterr().err)
    time = datetime.fromisoformat(first.pop("timestamp"))
    assert time.utcoffset() == timedelta(0)
    assert first == {
        "event": "message.sent",
        "level": "info",
        "logger": "trio_wa.worker",
        "message_id": "m1",
        "text": "a\nb\u2028",
    }
    assert (second["event"], second["level"]) == ("queue.full", "warning")


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("INFO", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_level_is_the_least_that_is_heard(
    capsys: pytest.CaptureFixture[str], level: str, heard: list[str]
) -> None:
    configure_logging(level, "json")
    log = structlog.get_logger()
    for name in ("debug", "info", "warning", "error"):
        getattr(log, name)("event")
    assert [entry["level"] for entry in objects(capsys.readouterr().err)] == heard


@pytest.mark.parametrize(
    ("level", "heard"), [("debug", ["warning", "error"]), ("error", ["error"])]
)
def test_libraries_are_heard_from_warning_up_in_the_same_form(
    capsys: pytest.CaptureFixture[str], level: str, heard: list[str]
) -> None:
    configure_logging(level, "json")
    for library in ("httpx", "hypercorn.error", "quart.app"):
        log = logging.getLogger(library)
        log.debug("HTTP Request: POST %s", "http://waha")
        log.info("HTTP Request: POST %s", "http://waha")
        log.warning("slow %s", "client")
        log.error("lost %d", 3)
    entries = objects(capsys.readouterr().err)
    assert [entry["level"] for entry in entries] == heard * 3
    assert entries[-1]["event"] == "lost 3"
    assert entries[-1]["logger"] == "quart.app"
    assert "timestamp" in entries[-1]


def test_a_library_that_sets_its_own_level_is_heard_no_further_down(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("debug", "json")
    log = logging.getLogger("test_telemetry.chatty")
    log.setLevel(logging.DEBUG)
    log.info("HTTP Request: POST http://waha")
    log.warning("slow")
    assert [entry["event"] for entry in objects(capsys.readouterr().err)] == ["slow"]


def test_a_record_that_cannot_be_written_out_is_told_and_raises_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = list(logging.getLogger().handlers)
    configure_logging("info", "json")
    (handler,) = (each for each in logging.getLogger().handlers if each not in before)
    handler.handle(logging.makeLogRecord({"msg": "bad %d", "args": ("y",), "levelno": 30}))
    assert "--- Logging error ---" in capsys.readouterr().err


def test_a_level_of_a_librarys_own_is_heard_as_the_one_below(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("info", "json")
    logging.getLogger("library").log(35, "odd")
    logging.getLogger("library").log(99, "odd")
    assert [entry["level"] for entry in objects(capsys.readouterr().err)] == ["warning", "critical"]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_holds_no_local_variables(
    capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    configure_logging("info", log_format)  # type: ignore[arg-type]  # both are its literals

    def fail(text: str) -> None:
        raise ExceptionGroup("two", [ValueError("inner"), OSError(str(len(text)))])

    try:
        fail("-".join(["see", "you"]))
    except ExceptionGroup:
        structlog.get_logger().exception("worker.bug")
        logging.getLogger("hypercorn.error").exception("server.bug")
    written = capsys.readouterr().err
    assert written.count("ValueError: inner") == 2
    assert "see-you" not in written


def test_a_terminal_gets_colours_and_anything_else_gets_json(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = {}
    for stream in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stream)
        configure_logging("info")
        structlog.get_logger().info("message.sent", message_id="m1")
        written[stream.isatty()] = stream.getvalue()
    assert "\x1b[" in written[True]
    assert "message.sent" in written[True]
    assert json.loads(written[False])["event"] == "message.sent"


def test_console_without_a_terminal_has_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "console")
    structlog.get_logger().info("message.sent", message_id="m1")
    written = capsys.readouterr().err
    assert "message_id=m1" in written
    assert "\x1b" not in written


def test_a_value_cannot_write_to_the_terminal_or_add_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("info", "console")
    structlog.get_logger().warning("bad\n2026 [info] forged", name="\x1b[2J", other="a\r\nb")
    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert "\x1b" not in written
    assert "\r" not in written


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(28, "No space left"), ValueError()])
def test_a_stderr_that_cannot_be_written_loses_the_line_and_no_more(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(sys, "stderr", Broken(error))
    configure_logging("info", "json")
    structlog.get_logger().info("message.sent")
    logging.getLogger("hypercorn.error").error("lost")


def test_without_a_stderr_nothing_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    configure_logging("info")
    structlog.get_logger().info("message.sent")


PROGRAM = """
import logging, structlog
from trio_wa.telemetry import configure_logging
configure_logging("info", "json")
for _ in range(20_000):
    structlog.get_logger().info("message.sent", message_id="m1")
logging.getLogger("hypercorn.error").error("lost")
print("still here", flush=True)
"""


def run_with_stderr(stderr: int) -> subprocess.CompletedProcess[bytes]:
    """Run PROGRAM, which says on stdout that it came to its end."""
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, timeout=30)


def test_a_process_survives_a_broken_pipe_behind_stderr() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = run_with_stderr(writer)
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stdout) == (0, b"still here\n")


def test_a_process_survives_a_pipe_that_nobody_reads() -> None:
    reader, writer = os.pipe()
    try:
        ended = run_with_stderr(writer)
    finally:
        os.close(reader)
        os.close(writer)
    assert (ended.returncode, ended.stdout) == (0, b"still here\n")


def test_a_reader_that_leaves_does_not_change_the_exit_code() -> None:
    program = (
        "import structlog\n"
        "from trio_wa.telemetry import configure_logging\n"
        "configure_logging('info', 'json')\n"
        "structlog.get_logger().info('read')\n"
        "input()\n"
        "structlog.get_logger().info('lost')\n"
    )
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=buffered,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        assert b"read" in process.stderr.readline()
        process.stderr.close()
        process.stdin.write(b"\n")
        process.stdin.close()
        assert process.wait(30) == 0


@contextmanager
def unread_pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Log to a pipe of 64 KiB; the end from which a test may read, or not."""
    reader, writer = os.pipe()
    monkeypatch.setattr(telemetry, "PIPE_BYTES", 0)
    with open(writer, "w", encoding="utf-8") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        configure_logging("info", "json")
        os.set_blocking(reader, False)
        yield reader
    os.close(reader)


def read_all(reader: int) -> str:
    read = b""
    try:
        while data := os.read(reader, 1 << 20):
            read += data
    except BlockingIOError:
        pass
    return read.decode()


def test_what_a_pipe_has_no_room_for_is_dropped_and_told_once_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with unread_pipe(monkeypatch) as reader:
        log = structlog.get_logger()
        for number in range(2000):
            log.info("message.sent", number=number)
        before = objects(read_all(reader))
        log.info("message.sent", number=2000)
        log.info("message.sent", number=2001)
        told, *after = objects(read_all(reader))
    assert [each["number"] for each in before] == list(range(len(before)))
    assert 500 < len(before) < 1000
    assert (told["event"], told["level"]) == ("log.dropped", "error")
    assert told["lines"] == 2000 - len(before)
    assert [each["number"] for each in after] == [2000, 2001]


def test_a_line_that_is_cut_ends_and_counts_as_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    with unread_pipe(monkeypatch) as reader:
        log = structlog.get_logger()
        log.info("long", text="-" * 100_000)
        log.info("message.sent", number=1)
        cut = read_all(reader)
        log.info("message.sent", number=2)
        written = read_all(reader)
    assert "\n" not in cut
    assert written.startswith("\n")
    told, last = objects(written[1:])
    assert told["lines"] == 2
    assert last["number"] == 2


def test_the_news_of_what_was_dropped_is_not_lost_with_its_own_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with unread_pipe(monkeypatch) as reader:
        log = structlog.get_logger()
        for text in ("-" * 100_000, "lost", "lost"):
            log.info("long", text=text)
        read_all(reader)
        structlog.contextvars.bind_contextvars(beside="-" * 100_000)
        log.info("lost with the news, which is as long")
        structlog.contextvars.clear_contextvars()
        read_all(reader)
        log.info("last")
        told, last = objects(read_all(reader).removeprefix("\n"))
    assert (told["lines"], last["event"]) == (4, "last")


def test_a_line_longer_than_a_piece_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    with unread_pipe(monkeypatch) as reader:
        structlog.get_logger().info("long", text="é" * 20_000)
        (line,) = objects(read_all(reader))
    assert line["text"] == "é" * 20_000


def test_lines_of_many_threads_stay_whole_and_none_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def write() -> None:
        for _ in range(100):
            structlog.get_logger().info("message.sent", text="-" * 5000)

    with unread_pipe(monkeypatch) as reader:
        threads = [threading.Thread(target=write, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()
        *whole, _cut = read_all(reader).split("\n")
        structlog.get_logger().info("last")
        told, last = objects(read_all(reader).removeprefix("\n"))
    assert all(len(json.loads(line)["text"]) == 5000 for line in whole)
    assert told["lines"] == 800 - len(whole)
    assert last["event"] == "last"


def test_a_socket_that_nobody_reads_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def write() -> None:
        for _ in range(2000):
            structlog.get_logger().info("long", text="-" * 900)

    ours, theirs = socket.socketpair()
    with theirs, ours, ours.makefile("w", encoding="utf-8") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        configure_logging("info", "json")
        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
        assert objects(theirs.recv(1 << 20).decode().splitlines()[0])[0]["event"] == "long"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_line_for_a_stderr_that_was_closed_goes_into_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    stderr = os.fdopen(writer, "w")
    monkeypatch.setattr(sys, "stderr", stderr)
    configure_logging("info", "json")
    structlog.get_logger().info("before")
    stderr.close()
    other = tmp_path / "other"
    with other.open("w") as file:
        assert file.fileno() == writer
        structlog.get_logger().info("after")
    assert other.read_text() == ""
    assert b"before" in os.read(reader, 1_000)
    os.close(reader)


def test_a_process_survives_a_full_disk_behind_stderr() -> None:
    with Path("/dev/full").open("wb") as full:
        ended = run_with_stderr(full.fileno())
    assert (ended.returncode, ended.stdout) == (0, b"still here\n")


def test_configuring_again_replaces_and_adds_no_handler(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    before = len(logging.getLogger().handlers)
    configure_logging("error", "json")
    assert len(logging.getLogger().handlers) == before
    structlog.get_logger().warning("no")
    logging.getLogger("x").error("once")
    assert [entry["event"] for entry in objects(capsys.readouterr().err)] == ["once"]


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("6281234567890", "6281•••••890"),
        ("+6281234567890", "+628•••••890"),
        ("6281234567890@c.us", "6281•••••890@c.us"),
        ("6281234567890@s.whatsapp.net", "6281•••••890@s.whatsapp.net"),
        ("120363041234567890@g.us", "1203•••••890@g.us"),
        ("628123456789-1612345678@g.us", "6281•••••678@g.us"),
        ("100000000000001@lid", "1000•••••001@lid"),
        ("120363041234567890@newsletter", "1203•••••890@newsletter"),
        ("status@broadcast", "•••••@broadcast"),
        ("12345678", "12•••••78"),
        ("1234567", "•••••"),
        ("", "•••••"),
        ("@c.us", "•••••@c.us"),
        ("me@example.com", "me@e•••••com"),
    ],
)
def test_a_number_is_masked(number: str, masked: str) -> None:
    assert mask(number) == masked


@given(st.from_regex(r"[0-9]{1,20}", fullmatch=True), st.sampled_from(["", "@c.us", "@g.us"]))
def test_a_mask_keeps_at_most_seven_digits_and_hides_four(number: str, suffix: str) -> None:
    kept = mask(number + suffix).removesuffix(suffix).replace("•", "")
    assert len(kept) <= max(0, min(7, len(number) - 4))
