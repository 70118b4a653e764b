"""`grok-tui serve`: a session in a browser, here a websocket and a terminal emulator."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pyte
import pytest
from command_line import ENDLESS, Running, call, checkpoint_steps, records

WAIT = 60.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@asynccontextmanager
async def opened(port: int) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A browser's connection, opened once the server accepts it."""
    url = f"http://127.0.0.1:{port}/ws?width=100&height=30"
    async with aiohttp.ClientSession() as client:
        while True:
            try:
                connection = await client.ws_connect(url)
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.05)
                continue
            async with connection:
                yield connection
            return


async def watch(connection: aiohttp.ClientWebSocketResponse, *words: str) -> None:
    """Read until all words are on the screen."""
    screen = pyte.Screen(100, 30)
    stream = pyte.ByteStream(screen)
    while not all(word in "\n".join(screen.display) for word in words):
        message = await connection.receive()
        if message.type is aiohttp.WSMsgType.BINARY:
            stream.feed(message.data)
        assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT)


@pytest.mark.slow
async def test_a_session_in_a_browser(tmp_path: Path) -> None:
    port = free_port()
    server = Running("serve", "--port", str(port), *ENDLESS, "--preset", "quick", cwd=tmp_path)
    try:
        async with asyncio.timeout(WAIT), opened(port) as connection:
            await watch(connection, "RUNNING", "┤", "Quit")
        async with asyncio.timeout(WAIT):  # the browser is gone: the run is saved and ends
            runs = list((tmp_path / "runs").iterdir())
            while not (runs[0] / "summary.json").exists():
                await asyncio.sleep(0.05)
        steps = [record["step"] for record in records(runs[0] / "metrics.jsonl")]
        assert checkpoint_steps(runs[0])[-1] == steps[-1] == len(steps) > 0
    finally:
        server.kill()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--port", "0"), "--port must be from 1 to 65535 (got 0)"),
        (("--port", "x"), "must be a whole number"),
        (("--preset", "nonsense"), "unknown preset 'nonsense'"),
        (("--lr", "0"), "--lr"),
        (("--record", "there"), "serve shows a session"),
        (("--nonsense",), "unrecognized arguments: --nonsense"),
    ],
)
def test_errors_are_reported_before_anything_is_served(
    arguments: tuple[str, ...], words: str
) -> None:
    result = call("serve", *arguments)
    assert result.code == 2
    assert words in result.refusal()


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = call("serve", "--port", str(taken.getsockname()[1]))
    assert result.code == 1
    assert "address already in use" in result.err.lower()
    assert "Traceback" not in result.err


def test_serve_help_names_the_address() -> None:
    result = call("serve", "--help")
    assert result.code == 0
    assert "127.0.0.1" in result.out
