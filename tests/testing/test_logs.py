"""Where the service's log goes in a test."""

import pytest
import structlog
from structlog.testing import LogCapture, capture_logs

from trio_wa.testing.logs import logs_to_logging


def test_it_goes_to_logging_after_a_test_that_captured_it(caplog: pytest.LogCaptureFixture) -> None:
    with capture_logs() as captured:
        structlog.get_logger("trio_wa").info("first")
    with logs_to_logging():
        structlog.get_logger("trio_wa").info("second")
    assert [entry["event"] for entry in captured] == ["first"]
    assert "second" in caplog.text


def test_a_configuration_that_was_chosen_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    chosen = LogCapture()
    structlog.configure(processors=[chosen])
    with logs_to_logging():
        structlog.get_logger("trio_wa").info("third")
    assert [entry["event"] for entry in chosen.entries] == ["third"]
    assert "third" not in caplog.text
