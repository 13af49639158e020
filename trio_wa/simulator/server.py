"""The simulator behind an HTTP port."""

import socket
from functools import partial

import trio
from hypercorn.config import Config, Sockets

from trio_wa.simulator.app import make_app
from trio_wa.simulator.simulator import Simulator
from trio_wa.web.server import abort_connection, serve


async def serve_simulator(
    simulator: Simulator,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    stop: trio.Event,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `simulator` until `stop` is set; sends that are in progress then are cut off.

    Reports the base URL ("http://127.0.0.1:3000") once it accepts connections. Raises OSError if
    the port is in use.
    """
    app = make_app(simulator, abort_connection)
    sockets = Sockets(secure_sockets=[], insecure_sockets=[_listen(host, port)], quic_sockets=[])
    run_server = partial(serve, app, _config(), stop=stop, sockets=sockets)
    async with trio.open_nursery() as background:
        background.start_soon(simulator.run, name="simulator")
        async with trio.open_nursery() as server:
            addresses = await server.start(run_server, name="simulator-server")
            task_status.started(addresses[0])
        background.cancel_scope.cancel()


def _config() -> Config:
    config = Config()
    config.accesslog = None
    config.errorlog = None
    config.graceful_timeout = 0.2
    config.keep_alive_timeout = 75.0
    config.keep_alive_max_requests = 1_000_000_000
    config.include_server_header = False
    return config


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except BaseException:
        listener.close()
        raise
    return listener
