"""Attacks 44 on the server itself: slow, huge and many; and the command that runs it."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import sys
import warnings
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gate.workbench import Workbench
from kube.waiting import until
from mintmaster.gate.app import App
from mintmaster.gate.listening import Certificate, InvalidListening, bound
from mintmaster.gate.messages import Answer
from mintmaster.gate.server import Server
from mintmaster.gate.settings import HttpSettings, Settings
from mintmaster.localcluster.certificates import issue
from reconcile.harness import PATIENCE, get

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[tuple[Server, int]]:
    """Serve a gate that asks no API server; yields its port."""
    bench = Workbench()
    with bound(settings) as listener:
        server = Server(bench.app, settings.http, Certificate.of(settings))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await until(lambda: server.started)
        try:
            yield server, listener.getsockname()[1]
        finally:
            server.should_exit = True
            await task


def within(**bounds: float) -> Settings:
    http = replace(HttpSettings(), **bounds)  # type: ignore[arg-type]
    return Settings(listen="127.0.0.1:0", http=http)


async def said(port: int, *parts: bytes) -> bytes:
    """All that comes back for these octets until the other side hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_44_a_head_that_is_too_long_is_refused_however_it_comes() -> None:
    async with serving(within(max_header_octets=4096)) as (_, port):
        long = b"x-long: " + b"y" * 5000
        start = b"GET /healthz HTTP/1.1\r\nhost: x\r\n"
        assert (await said(port, start + long + b"\r\n\r\n")).startswith(b"HTTP/1.1 431 ")
        never_ending = (start, *(b"x-%d: y\r\n" % number for number in range(2000)))
        answer = await said(port, *never_ending)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
        path = b"GET /" + b"y" * 5000 + b" HTTP/1.1\r\nhost: x\r\n\r\n"
        assert (await said(port, path)).startswith(b"HTTP/1.1 431 ")
        short = start + b"connection: close\r\n\r\n"
        assert (await said(port, short)).endswith(b"ok\n")


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"POST /oauth2/introspect HTTP/1.1\r\nhost:",
        b"POST /oauth2/introspect HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\ntoken",
        b"POST /oauth2/introspect HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\ntok",
    ],
)
async def test_44_who_does_not_come_to_an_end_is_hung_up_on(beginning: bytes) -> None:
    async with serving(within(request_seconds=0.01)) as (server, port):
        async with asyncio.timeout(20):
            await said(port, beginning)
        await until(lambda: not server.server_state.connections)


@pytest.mark.parametrize(
    "request_of_old",
    [
        b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
        # Answered before its body has come.
        b"POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}",
    ],
)
async def test_44_who_asks_nothing_more_is_hung_up_on(request_of_old: bytes) -> None:
    async with serving(within(idle_seconds=0)) as (server, port):
        async with asyncio.timeout(20):
            assert (await said(port, request_of_old)).startswith(b"HTTP/1.1 ")
        await until(lambda: not server.server_state.connections)


async def test_an_answer_that_cannot_be_written_is_an_error_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def split(app: App, *_: object) -> Answer:
        return Answer(200, headers=((b"link", b"x\r\nset-cookie: y"),))

    monkeypatch.setattr(App, "answer", split)
    async with serving(within()) as (_, port):
        request = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        answer = await said(port, request)
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert b"set-cookie" not in answer


async def test_44_connections_beyond_the_limit_are_closed_at_once() -> None:
    async with serving(within(max_connections=5)) as (server, port):
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        await until(lambda: len(server.server_state.connections) <= 5)
        assert len(server.server_state.connections) == 5
        for _, writer in opened:
            writer.close()
        await until(lambda: not server.server_state.connections)
        assert await get(f"http://127.0.0.1:{port}/healthz") == (200, "ok\n")


async def test_44_pipelined_requests_are_answered_in_order() -> None:
    async with serving(within()) as (_, port):
        one = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
        last = b"GET /jwks HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        answer = await said(port, one * 50 + last)
        assert answer.count(b"HTTP/1.1 200 ") == 51
        assert answer.rindex(b"ok\n") < answer.index(b'"keys"')


@pytest.mark.parametrize(
    "nonsense", [b"\x16\x03\x01", b"GET\r\n\r\n", b"\0" * 100, b"PRI * HTTP/2.0\r\n\r\n"]
)
async def test_44_what_is_no_http_is_answered_400_or_not_at_all(nonsense: bytes) -> None:
    async with serving(within(request_seconds=0.01)) as (_, port):
        answer = await said(port, nonsense)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("listen", ["0.0.0.0:0", ":0", "[::]:0", "gate.example.org:0"])
def test_44_plain_http_stays_on_the_machine(listen: str) -> None:
    with pytest.raises(InvalidListening, match="--insecure-http"):
        bound(Settings(listen=listen))


@pytest.mark.parametrize("listen", ["8080", "127.0.0.1:x", "127.0.0.1:65536", ""])
def test_an_address_that_is_none_is_named(listen: str) -> None:
    with pytest.raises(InvalidListening, match="HOST:PORT"):
        bound(Settings(listen=listen))


def test_plain_http_elsewhere_has_to_be_asked_for() -> None:
    bound(Settings(listen="0.0.0.0:0", insecure_http=True)).close()


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    with pytest.raises(InvalidListening, match="--tls-key"):
        Certificate.of(Settings(tls_cert=tmp_path / "missing"))
    with pytest.raises(InvalidListening, match="--tls-cert"):
        Certificate.of(Settings(tls_cert=tmp_path / "missing", tls_key=tmp_path / "missing"))


async def test_44_tls_before_1_2_is_refused_and_a_renewed_certificate_is_taken_up(
    tmp_path: Path,
) -> None:
    pair = issue(tmp_path).serving
    settings = replace(within(), tls_cert=pair.certificate, tls_key=pair.key)
    async with serving(settings) as (_, port):
        shown = await certificate(port, ssl.TLSVersion.TLSv1_2)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await certificate(port, ssl.TLSVersion.TLSv1_1)
        issue(tmp_path)

        async def renewed() -> bytes:
            return await certificate(port, ssl.TLSVersion.TLSv1_3)

        async with asyncio.timeout(PATIENCE):
            while await renewed() == shown:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)


async def certificate(port: int, version: ssl.TLSVersion) -> bytes:
    """The certificate shown to a client that speaks this version at most."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TLS 1.1, which is the point
        context.minimum_version = min(version, ssl.TLSVersion.TLSv1_2)
        context.maximum_version = version
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return found


async def test_a_damaged_renewal_leaves_the_certificate_in_place(tmp_path: Path) -> None:
    pair = issue(tmp_path).serving
    settings = replace(within(), tls_cert=pair.certificate, tls_key=pair.key)
    async with serving(settings) as (server, port):
        shown = await certificate(port, ssl.TLSVersion.TLSv1_3)
        pair.certificate.write_text("half a cert")
        await server.on_tick(0)
        assert await certificate(port, ssl.TLSVersion.TLSv1_3) == shown


async def test_the_command_serves_and_ends_in_order_when_it_is_told_to(
    kubeconfig: Path,
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mintmaster", "gate"),
        *("--listen", "127.0.0.1:0", "--log-format", "text", "--kubeconfig", str(kubeconfig)),
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE * 2):
        line = ""
        while "listening at" not in line:
            line = (await process.stderr.readline()).decode()
            assert line, "the gate ended at once"
        url = line.split()[-1]
        while (await get(f"{url}/readyz"))[0] != 200:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
        assert await get(f"{url}/healthz") == (200, "ok\n")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


async def test_the_command_says_why_it_does_not_start() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mintmaster", "gate", "--listen", "0.0.0.0:0"),
        *("--kubeconfig", "/does/not/exist"),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said_why = await process.communicate()
    assert process.returncode == 1
    assert b"error: " in said_why
    assert b"Traceback" not in said_why


def test_no_answer_waits_for_an_acknowledgement() -> None:
    """Nagle's algorithm holds the second piece of an answer back, for 40 ms with delayed acknowledgements."""
    with (
        bound(Settings(listen="127.0.0.1:0")) as listener,
        socket.create_connection(listener.getsockname()),
    ):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
