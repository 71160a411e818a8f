"""A person who types commands, and what they see."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typer.testing import CliRunner

from mintmaster.cli.main import app

if TYPE_CHECKING:
    from typer.testing import Result

    from reconcile.harness import Cluster


def typed(*arguments: str, text: str | bytes = "") -> Result:
    """Run a command in this process; a defect is raised."""
    done = CliRunner().invoke(app, arguments, input=text)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@dataclass
class Person:
    """Somebody who works in the test's namespace."""

    cluster: Cluster

    @property
    def issuer(self) -> tuple[str, str]:
        """The options that name the test's issuer."""
        return "--issuer", self.cluster.issuer

    async def tries(self, *arguments: str, text: str = "") -> Result:
        """Run a command; the operator goes on working beside it."""
        where = ("--kubeconfig", str(self.cluster.kubeconfig), "-n", self.cluster.namespace)
        return await asyncio.to_thread(typed, *arguments, *where, text=text)

    async def does(self, *arguments: str, text: str = "") -> str:
        """Run a command, which has to succeed; what it prints."""
        done = await self.tries(*arguments, text=text)
        assert done.exit_code == 0, done.output
        return done.stdout

    async def reads(self, *arguments: str) -> Any:
        """What a command prints as JSON."""
        return json.loads(await self.does(*arguments, "-o", "json"))

    async def fails(self, code: int, *arguments: str, text: str = "") -> str:
        """Run a command, which has to end with that exit code; everything that it says."""
        done = await self.tries(*arguments, text=text)
        assert done.exit_code == code, done.output
        return done.output
