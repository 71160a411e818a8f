"""Credentials from an external command (Kubernetes: "client-go credential plugins")."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from mintmaster.kube.clock import SystemClock
from mintmaster.kube.errors import InvalidConfig
from mintmaster.kube.tls import KeyPair

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mintmaster.kube.clock import Clock
    from mintmaster.kube.tls import ClientTLS

__all__ = ["ExecCommand", "ExecPlugin"]

PLUGIN_TIMEOUT = 60.0
"""Seconds that a plugin may take; some go through a login service."""

_RENEW_BEFORE = timedelta(seconds=30)
"""A credential is replaced this long before it expires, so that none expires on the way."""


@dataclass(frozen=True, slots=True)
class ExecCommand:
    """What to run, and what to tell it."""

    origin: str
    """The file and field that the command comes from, for messages."""
    api_version: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    hint: str = ""
    cluster: Mapping[str, object] | None = None

    def variables(self) -> dict[str, str]:
        """Return the environment of the command, with what the contract of plugins asks for."""
        spec: dict[str, object] = {"interactive": False}
        if self.cluster is not None:
            spec["cluster"] = self.cluster
        info = {"apiVersion": self.api_version, "kind": "ExecCredential", "spec": spec}
        told = {"KUBERNETES_EXEC_INFO": msgspec.json.encode(info).decode()}
        return {**os.environ, **self.environment, **told}


class _Credential(msgspec.Struct, rename="camel"):
    token: str | None = None
    expiration_timestamp: datetime | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None

    def __repr__(self) -> str:
        return "_Credential(...)"


class _ExecCredential(msgspec.Struct, rename="camel"):
    api_version: str
    kind: str
    status: _Credential


class ExecPlugin:
    """A token source that runs a command, and again when its credential nears its end."""

    def __init__(self, command: ExecCommand, tls: ClientTLS, clock: Clock | None = None) -> None:
        self._command = command
        self._tls = tls
        self._clock = clock or SystemClock()
        self._credential: _Credential | None = None
        self._running = asyncio.Lock()

    async def token(self) -> str | None:
        """Return the token; InvalidConfig if the command fails."""
        if (valid := self._valid()) is None:
            async with self._running:  # one run serves all requests that wait
                valid = self._valid() or await self._renewed()
        return valid.token

    def refused(self, token: str | None) -> None:
        """Run the command again next time, unless that has happened already."""
        if self._credential is not None and self._credential.token == token:
            self._credential = None

    def _valid(self) -> _Credential | None:
        known = self._credential
        if known is None or known.expiration_timestamp is None:
            return known
        return known if self._clock.now() < known.expiration_timestamp - _RENEW_BEFORE else None

    async def _renewed(self) -> _Credential:
        credential = self._credential_in(await self._output())
        if credential.client_certificate_data and credential.client_key_data:
            certificate = credential.client_certificate_data.encode()
            self._tls.present(KeyPair(certificate, credential.client_key_data.encode()))
        self._credential = credential
        return credential

    def _credential_in(self, output: bytes) -> _Credential:
        try:
            found = msgspec.json.decode(output, type=_ExecCredential)
        except msgspec.DecodeError:
            # The output holds the credential, so nothing of it may appear in a traceback.
            raise InvalidConfig(f"{self._command.origin}: no ExecCredential came out") from None
        if found.kind != "ExecCredential" or found.api_version != self._command.api_version:
            raise InvalidConfig(
                f"{self._command.origin}: expected an ExecCredential of {self._command.api_version}"
            )
        return found.status

    async def _output(self) -> bytes:
        """Run the command; its stderr stays the user's, as with kubectl."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command.arguments,
                env=self._command.variables(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            hint = f". {self._command.hint}" if self._command.hint else ""
            raise InvalidConfig(f"{self._command.origin}: {error}{hint}") from error
        return await self._finished(process)

    async def _finished(self, process: asyncio.subprocess.Process) -> bytes:
        try:
            async with asyncio.timeout(PLUGIN_TIMEOUT):
                output, _ = await process.communicate()
        except TimeoutError as error:
            raise InvalidConfig(f"{self._command.origin}: no answer in time") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise InvalidConfig(f"{self._command.origin}: exit status {process.returncode}")
        return output
