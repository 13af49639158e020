"""The simulator behind an HTTP port."""

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
    config = _config(host, port)
    run_server = partial(serve, app, config, stop=stop, sockets=_listen(config))
    async with trio.open_nursery() as background:
        background.start_soon(simulator.run, name="simulator")
        async with trio.open_nursery() as server:
            addresses = await server.start(run_server, name="simulator-server")
            task_status.started(addresses[0])
        background.cancel_scope.cancel()


def _config(host: str, port: int) -> Config:
    config = Config()
    config.bind = [f"{host}:{port}"]
    config.accesslog = None
    config.errorlog = None
    config.graceful_timeout = 0.2
    config.keep_alive_timeout = 75.0
    config.keep_alive_max_requests = 1_000_000_000
    config.include_server_header = False
    return config


def _listen(config: Config) -> Sockets:
    sockets = config.create_sockets()
    for sock in sockets.insecure_sockets:
        sock.listen(config.backlog)
    return sockets
