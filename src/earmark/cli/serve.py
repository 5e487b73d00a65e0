"""``earmark serve``: the web application on this machine, or for a network."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import click

from earmark.cli.common import library_option
from earmark.errors import ServerError

EVERY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104 - only compared with


@click.command()
@click.option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    default=5000,
    envvar="PORT",
    show_default="PORT, else 5000",
    help="Port to listen on; 0 takes any free one.",
)
@library_option
@click.option(
    "--music",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="EARMARK_MUSIC",
    help="Folder whose files may be played, and classified by path.",
)
@click.option(
    "--token",
    metavar="TEXT",
    envvar="EARMARK_TOKEN",
    help="What clients must present to change the library; needed where other machines can "
    "connect. Better given as EARMARK_TOKEN or EARMARK_TOKEN_FILE, which other users do not see.",
)
@click.option(
    "--read",
    type=click.Choice(["open", "closed"]),
    default="open",
    envvar="EARMARK_READ",
    show_default=True,
    help="Whether looking and classifying needs the token too.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Processes that analyze. [all cores]",
)
@click.option(
    "--queue", type=click.IntRange(0, 10_000), metavar="N", help="Songs that may wait. [32]"
)
@click.option(
    "--allowed-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="Name under which this server is reached; others are refused. May be repeated.",
)
@click.option(
    "--proxies",
    type=click.IntRange(0, 10),
    metavar="N",
    default=0,
    envvar="EARMARK_PROXIES",
    help="Reverse proxies before this server whose X-Forwarded headers are to be believed.",
)
@click.option(
    "--prefix",
    metavar="PATH",
    default="",
    envvar="EARMARK_PREFIX",
    help="Path below which it lives.",
)
@click.option(
    "--max-upload",
    type=click.IntRange(1, 100_000),
    metavar="MB",
    help="Largest upload. [100; 1024 on this machine]",
)
@click.option(
    "--max-duration",
    type=click.FloatRange(0, min_open=True),
    metavar="HOURS",
    help="The longest recording taken. [4]",
)
@click.option(
    "--rate",
    type=click.IntRange(0),
    metavar="N",
    help="Uploads a minute and address; 0: any. [120; any on this machine]",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    metavar="LEVEL",
    default="info",
    envvar="EARMARK_LOG_LEVEL",
    show_default=True,
    help="What is told on stderr: debug, info, warning or error. info: also refused requests.",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    envvar="EARMARK_LOG_FORMAT",
    show_default=True,
    help="A line of text or a JSON object for each event.",
)
def serve(
    host: str,
    port: int,
    library_name: str | None,
    music: Path | None,
    token: str | None,
    read: str,
    workers: int | None,
    queue: int | None,
    hosts: tuple[str, ...],
    proxies: int,
    prefix: str,
    max_upload: int | None,
    max_duration: float | None,
    rate: int | None,
    log_level: str,
    log_format: str,
) -> None:
    """Open the web application and the HTTP API.

    On 127.0.0.1 only programs on this machine can connect and no token is needed. On any other
    address reading is open unless --read closed, and every change needs --token.

    \b
    earmark serve --music ~/Music --port 8000
    """  # noqa: D301 (click looks for the character itself)
    # Flask and NumPy take a while; other commands do not wait for them.
    from earmark.web import Config, create_app
    from earmark.web.config import MEGABYTE, is_loopback, read_token
    from earmark.web.http import log
    from earmark.web.http.server import make_server

    log.set_up(log_level, log_format)
    chosen: dict[str, Any] = {
        "allowed_hosts": hosts or None,
        "workers": workers,
        "queue": queue,
        "max_upload": None if max_upload is None else max_upload * MEGABYTE,
        "max_duration": None if max_duration is None else max_duration * 3600,
        "rate": rate,
    }
    config = Config.from_environment(
        library=library_name,
        music=music,
        token=token or read_token(os.environ),
        read=read,
        local=is_loopback(host) and proxies == 0,
        proxies=proxies,
        prefix=prefix.rstrip("/"),
        **{name: value for name, value in chosen.items() if value is not None},
    )
    listener = _listen(host, port)
    app = create_app(config)
    state = app.extensions["earmark"]
    server = make_server(app, listener, config)
    # What stands for all addresses of this machine is none that a browser opens.
    for_all = host in EVERY_ADDRESS
    name = next(iter(config.allowed_hosts), "localhost") if for_all else host
    shown = f"[{name}]" if ":" in name else name
    address = f"http://{shown}:{listener.getsockname()[1]}{config.prefix}/"
    others = "other machines: by this machine's name or address; " if for_all else ""
    click.echo(f"Earmark is at {address}  ({others}Ctrl-C ends it)")
    sys.stdout.flush()
    if not config.local and config.token is None:
        click.echo("There is no --token, so nothing can be changed from outside.", err=True)
    if config.local and config.read == "closed":
        click.echo(
            f"--read closed closes nothing here: only this machine can connect to {shown}, "
            "and its programs need no token.",
            err=True,
        )
    _stop_with(server.stop)
    try:
        server.run()
    finally:
        server.drain(state.close)


def _stop_with(stop: Callable[[], None]) -> None:
    """Let Ctrl-C and SIGTERM stop the server in order, and the same once more end it at once."""

    def handle(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        # In the background of a script Ctrl-C is ignored, and stays so.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handle)


def _listen(host: str, port: int) -> socket.socket:
    """Take the address, before anything that takes long.

    Raises
    ------
    ServerError
        It is taken, or not an address of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise ServerError(
            f"{host}:{port}: cannot listen there ({error.strerror}); choose another with --port"
        ) from None
    return listener
