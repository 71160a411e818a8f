"""Taking over REANA's users from a file: all rows are checked before the first is written, and done rows are left.

Interrupted, it is run again with the same file: what is there already, with the same id and token, counts as done.
"""

from __future__ import annotations

import asyncio
import csv
import re
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import UUID

from mintmaster.api import user_access_token
from mintmaster.api.user_access_token import User
from mintmaster.cli import bulk
from mintmaster.cli.exits import Exit, Failure
from mintmaster.cli.reana_granting import Account, body_of, brought, is_active
from mintmaster.cli.reana_office import KIND
from mintmaster.cli.reana_roster import MASK, people
from mintmaster.gate.compat.reana.accounts import LABEL_USER_ID, AccessTokenStatus
from mintmaster.kube.errors import AlreadyExists
from mintmaster.tokens.digests import digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.progress import Progress

    from mintmaster.cli.reana_office import Office
    from mintmaster.cli.reana_roster import Person

COLUMNS: Final = ("id", "email", "access_token", "username", "full_name")
"""What a row of the file has; there is no header."""

PATIENCE: Final = timedelta(minutes=2)
"""How long is waited for tokens to become active while none does."""

_SHOWN = 20
"""Lines with faults that are told."""

_EMAIL = re.compile(user_access_token.EMAIL_PATTERN)
_USERNAME = re.compile(r"[A-Za-z0-9._@+-]{0,128}")


@dataclass(frozen=True)
class Row:
    """One line of the file."""

    number: int
    account: Account
    is_masked: bool = False
    """Whether the token is not in the file, since whoever exported could not see it."""


@dataclass
class _Faults:
    """What is wrong with the file; all of it, so that people need not come back for each line."""

    lines: list[str] = field(default_factory=list)

    def add(self, number: int, what: str) -> None:
        self.lines.append(f"line {number}: {what}")

    def check(self) -> None:
        """Failure where anything is wrong."""
        if self.lines:
            more = len(self.lines) - _SHOWN
            told = self.lines[:_SHOWN] + ([f"and {more} more"] if more > 0 else [])
            raise Failure("\n".join(told))


def read(lines: Iterable[str]) -> list[Row]:
    """Read the file; Failure that names every line with a fault. No token is repeated in it."""
    faults, rows = _Faults(), []
    try:
        for number, cells in enumerate(csv.reader(lines, strict=True), start=1):
            try:
                rows.append(_row(number, cells))
            except ValueError as error:
                faults.add(number, str(error))
    except (csv.Error, UnicodeDecodeError) as error:
        raise Failure(f"not a CSV file in UTF-8: {error}") from None
    for number, what in _repeated(rows):
        faults.add(number, f"another line has the same {what}")
    faults.check()
    return rows


def _row(number: int, cells: list[str]) -> Row:
    if len(cells) != len(COLUMNS):
        raise ValueError(f"{len(cells)} columns instead of {', '.join(COLUMNS)}")
    own_id, email, token, username, full_name = (cell.strip() for cell in cells)
    if not is_email(email) or not _USERNAME.fullmatch(username):
        raise ValueError("the address or the name that the user logs in with is malformed")
    if len(full_name) > 256 or not full_name.isprintable():
        raise ValueError("the full name is too long or has characters that do not print")
    try:
        own_id = str(UUID(own_id))
    except ValueError:
        raise ValueError("the id is no UUID") from None
    value = "" if token == MASK else token
    hashed = digest(brought(value)) if value else None
    user = User(email=email.lower(), username=username, full_name=full_name)
    return Row(number, Account(user, own_id, hashed), token == MASK)


def is_email(text: str) -> bool:
    """Whether it is an address as users have it; upper case is put into lower case."""
    return len(text) <= 254 and _EMAIL.fullmatch(text.lower()) is not None


def _repeated(rows: list[Row]) -> Iterator[tuple[int, str]]:
    values: dict[str, Sequence[str | None]] = {
        "address": [row.account.user.email for row in rows],
        "id": [row.account.id for row in rows],
        "access token": [row.account.digest for row in rows],
    }
    for what, column in values.items():
        counted = Counter(column)
        for row, value in zip(rows, column, strict=True):
            if value is not None and counted[value] > 1:
                yield row.number, what


def missing(office: Office, rows: list[Row]) -> list[Row]:
    """The rows that are not there yet; Failure, and nothing is written, where any stands against what is there."""
    present = people(office)
    by_email = {it.email: it for it in present}
    by_id = {it.id: it for it in present}
    digests = {
        record: it
        for it in present
        for record in (*(token.digest for token in it.item.resource.status.tokens), _claimed(it))
    }
    faults, left = _Faults(), []
    for row in rows:
        there = by_email.get(row.account.user.email)
        holder = digests.get(row.account.digest) if row.account.digest else None
        if there is None and row.is_masked:
            faults.add(row.number, "the token is masked: it was not shown to whoever exported")
        elif there is None and (row.account.id in by_id or holder is not None):
            faults.add(row.number, "the id or the access token is another user's")
        elif there is None:
            left.append(row)
        elif not _is_same(there, row):
            faults.add(row.number, "the user is there already, with another id or access token")
    faults.check()
    return left


def _claimed(person: Person) -> str | None:
    return person.item.resource.spec.token.value_digest


def _is_same(there: Person, row: Row) -> bool:
    wanted = row.account.digest
    return there.id == row.account.id and (wanted is None or there.holds(wanted))


def unfinished(office: Office, rows: list[Row]) -> list[Row]:
    """The rows that are there already, but whose tokens were not active yet: an import was interrupted."""
    by_email = {it.email: it for it in people(office)}
    return [
        row
        for row in rows
        if row.account.digest
        and (there := by_email.get(row.account.user.email)) is not None
        and there.status is AccessTokenStatus.REQUESTED
    ]


async def create(office: Office, rows: list[Row], waiting: list[Row]) -> None:
    """Create the accounts of the rows, and wait until their tokens, and those of others, are active."""
    bodies = {row.number: body_of(office, row.account) for row in rows}

    async def put(row: Row) -> None:
        # One made by somebody since we looked: whether for the same token is seen below.
        with suppress(AlreadyExists):
            body = bodies.pop(row.number)
            await bulk.patiently(partial(office.session.create, KIND, body))

    with bulk.shown() as progress:
        await bulk.each(rows, put, progress=progress, doing="creating users", things="users")
        await _until_active(office, [*rows, *waiting], progress)


async def _until_active(office: Office, rows: list[Row], progress: Progress) -> None:
    """Wait until all are active that have a token; Failure naming those that stay behind."""
    waiting = {row.account.digest: row for row in rows if row.account.digest}
    wanted = len(waiting)
    task = progress.add_task("waiting for their tokens", total=wanted)
    deadline = time.monotonic() + PATIENCE.total_seconds()
    pause = 0.1
    while waiting:
        started = time.monotonic()
        for item in await office.session.find(KIND, labels=LABEL_USER_ID):
            # Of thousands in a list only those that are waited for are worth being read.
            claimed = item.raw["spec"].get("token", {}).get("valueDigest")
            if claimed in waiting and is_active(item.resource, claimed):
                del waiting[claimed]
                deadline = time.monotonic() + PATIENCE.total_seconds()
        progress.update(task, completed=wanted - len(waiting))
        if time.monotonic() > deadline:
            lines = ", ".join(str(row.number) for row in list(waiting.values())[:_SHOWN])
            raise Failure(
                f"{len(waiting)} tokens are not active yet, as of line {lines}: does the operator run?",
                Exit.NOT_READY,
            )
        # A list of thousands costs the API server more than one of a few: ask it in proportion.
        pause = min(2 * pause, 1.0 + 2 * (time.monotonic() - started))
        await asyncio.sleep(pause if waiting else 0)
