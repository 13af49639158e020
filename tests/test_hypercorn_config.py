import logging
import socket
from pathlib import Path

import pytest

from trio_wa.config import SettingsError
from trio_wa.web.hypercorn_config import DEFAULTS, load_hypercorn_config, open_sockets

SHIPPED = Path(__file__).parents[1] / "hypercorn.toml"


def load(directory: Path, text: str):
    path = directory / "hypercorn.toml"
    path.write_text(text)
    return load_hypercorn_config(path, bind=None)


def test_no_file_means_the_shipped_one(tmp_path):
    shipped = load_hypercorn_config(SHIPPED, bind=None)
    for path in (None, tmp_path / "absent.toml"):
        default = load_hypercorn_config(path, bind=None)
        assert vars(default) == vars(shipped)
    for key, value in DEFAULTS.items():
        assert getattr(shipped, key) == ([value] if key == "bind" else value)


def test_a_file_wins_over_the_defaults_and_host_and_port_over_the_file(tmp_path):
    path = tmp_path / "hypercorn.toml"
    path.write_text('bind = "127.0.0.1:1"\nkeep_alive_timeout = 90.5')
    assert load_hypercorn_config(path, bind=None).bind == ["127.0.0.1:1"]
    config = load_hypercorn_config(path, bind="127.0.0.1:2")
    assert (config.bind, config.keep_alive_timeout) == (["127.0.0.1:2"], 90.5)
    assert (config.worker_class, config.graceful_timeout) == ("trio", 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("keep_alive_timeot = 1", "keep_alive_timeot .* did you mean keep_alive_timeout?"),
        ("colour = 1", "colour is no setting of Hypercorn; remove it"),
        ("[server]\nbind = 'a'", "server is no setting"),
        ("application_path = 'x:y'", "application_path is no setting"),
        ("backlog = 'many'", "backlog is 'many'; it must be a whole number"),
        ("backlog = true", "backlog is True; it must be a whole number"),
        ("backlog = 1.5", "backlog is 1.5; it must be a whole number"),
        ("graceful_timeout = '1s'", "graceful_timeout is '1s'; it must be a number"),
        ("graceful_timeout = -1", "graceful_timeout is -1; it must be 0 or more"),
        ("graceful_timeout = nan", "graceful_timeout is nan; it must be 0 or more"),
        ("include_date_header = 1", "include_date_header is 1; it must be true or false"),
        ("bind = [1]", "bind is .* it must be a string or a list of strings"),
        ("server_names = 'a'", "server_names is 'a'; it must be a list of strings"),
        ("loglevel = 'loud'", "loglevel is 'loud'; it must be one of debug, info"),
        ("workers = 2", "workers 0: trio-wa is one process"),
        ("worker_class = 'asyncio'", 'worker_class must be "trio"'),
        ("certfile = 'a'", "set both or neither"),
        ("certfile = 'a'\nkeyfile = 'b'", "certfile and keyfile cannot be used .*No such file"),
        ("bind", "is not TOML: .*`key = value`"),
    ],
)
def test_a_wrong_file_is_one_line_with_its_remedy(tmp_path, text, said):
    with pytest.raises(SettingsError, match=said) as caught:
        load(tmp_path, text)
    line = str(caught.value)
    assert line.startswith(str(tmp_path / "hypercorn.toml"))
    assert "\n" not in line


def test_a_file_that_cannot_be_read_says_so(tmp_path):
    with pytest.raises(SettingsError, match=r"cannot be read \(Is a directory\)"):
        load_hypercorn_config(tmp_path, bind=None)
    path = tmp_path / "hypercorn.toml"
    path.write_bytes(b"# \xff")
    with pytest.raises(SettingsError, match=r"cannot be read \(it is not UTF-8\)"):
        load_hypercorn_config(path, bind=None)


def test_hypercorn_logs_through_ours_and_only_from_its_level_on():
    config = load_hypercorn_config(None, bind=None)
    logger = config.log.error_logger
    assert logger is logging.getLogger("hypercorn.error")
    assert logger.handlers == []
    assert not logger.isEnabledFor(logging.INFO)
    assert logger.isEnabledFor(logging.WARNING)


def test_sockets_listen_when_they_are_open():
    sockets = open_sockets(load_hypercorn_config(None, bind="127.0.0.1:0"))
    (listener,) = sockets.insecure_sockets
    with listener, socket.create_connection(listener.getsockname(), timeout=1):
        pass


def test_an_address_in_use_is_one_line_with_its_remedy():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SettingsError, match=f"{bind} .* is in use: .* PORT"):
            open_sockets(load_hypercorn_config(None, bind=bind))


@pytest.mark.parametrize(
    ("bind", "said"),
    [
        ("192.0.2.1:0", "not an address of this machine: set HOST"),  # RFC 5737: nobody's
        ("nowhere.invalid:0", "cannot be resolved: set HOST"),
        ("127.0.0.1:99999", "no valid port: set PORT"),
        ("fd://9999", "cannot be listened on .*: set HOST and PORT"),
    ],
)
def test_an_address_that_cannot_be_bound_is_one_line_with_its_remedy(bind, said):
    with pytest.raises(SettingsError, match=said) as caught:
        open_sockets(load_hypercorn_config(None, bind=bind))
    assert "\n" not in str(caught.value)
