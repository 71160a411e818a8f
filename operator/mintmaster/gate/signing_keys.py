"""Private keys of gate-signed issuers: PEM files in a folder, read again when they change (I15)."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from mintmaster.tokens.keys import KeyDamaged, SigningKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.knowledge import Knowledge

log = logging.getLogger(__name__)

_CHECK_SECONDS = 1.0
"""How often it is looked whether files have changed. Mounted Secrets follow within a minute or two anyway."""

_MAX_OCTETS = 16 * 1024
"""Size of the largest file that can be a key: an RSA key of 4096 bits has 3.2 KB."""

_Stamp = tuple[int, int, int]


class InvalidSigningKeys(ValueError):
    """A folder that cannot be read; the text names the option."""


@dataclass
class SigningKeys:
    """The keys in `folder` and in the folders in it: `<kid>.pem` each, as in a Secret `mintmaster-issuer-<name>`.

    A key is found by its kid, which is a hash of its public half. So it does not matter which folder it lies in, and
    one that lies there by mistake signs nothing: an issuer's status says which key does.
    """

    folder: Path | None
    knowledge: Knowledge
    _keys: Mapping[str, SigningKey] = field(default_factory=dict, repr=False)
    _stamps: Mapping[Path, _Stamp] = field(default_factory=dict, repr=False)
    _said: str = ""

    def of(self, issuer: KnownIssuer) -> SigningKey | None:
        """The key to sign with: the one that the issuer's status calls Active, if it is at hand."""
        return self._keys.get(issuer.view.signing_key_id) if issuer.is_gate_signed else None

    @property
    def missing(self) -> Mapping[str, str]:
        """By gate-signed issuer whose active key is not at hand, that key."""
        return {
            issuer.name: issuer.view.signing_key_id
            for issuer in self.knowledge.issuers.values()
            if issuer.is_gate_signed and self.of(issuer) is None
        }

    @property
    def lacks(self) -> str:
        """What cannot be minted, for people; empty where a gate without keys is what was asked for."""
        if self.folder is None:
            return ""
        return "; ".join(
            f"no tokens of issuer {name!r} can be minted: its active key {key_id}.pem is not in --signing-keys"
            if key_id
            else f"no tokens of issuer {name!r} can be minted: it has no active key"
            for name, key_id in self.missing.items()
        )

    def open(self) -> None:
        """Read the keys for the first time. Raises InvalidSigningKeys."""
        try:
            self.read()
        except OSError as error:
            raise InvalidSigningKeys(f"--signing-keys {self.folder}: {error.strerror}") from error

    def read(self) -> None:
        """Read the files if any of them has come, gone or changed. OSError if the folder cannot be read."""
        if self.folder is None:
            return
        stamps = dict(_stamps(self.folder))
        if stamps != self._stamps:
            self._keys = dict(_read(stamps))
            self._stamps = stamps
            log.info("signing keys at hand: %s", ", ".join(sorted(self._keys)) or "none")

    async def follow(self) -> NoReturn:
        """Keep up with the files until cancelled, and say so when a key is missing or found."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            try:
                await asyncio.to_thread(self.read)
            except OSError as error:
                # What was read stays: a volume may be exchanged while it is looked at.
                log.warning("signing keys cannot be read: %s", error)
            self._tell()

    def _tell(self) -> None:
        lacks = self.lacks
        if lacks == self._said:
            return
        self._said = lacks
        if lacks:
            log.warning("%s", lacks)
        else:
            log.info("every gate-signed issuer has its key at hand again")


def _stamps(folder: Path) -> Iterator[tuple[Path, _Stamp]]:
    """Every file that can be a key, and what tells whether it has changed.

    Names that begin with a dot are how Kubernetes exchanges a mounted Secret: the same files once more.
    """
    entries = _entries(folder)
    below = [path for entry in entries if entry.is_dir() for path in _entries(entry)]
    for path in (*entries, *below):
        if path.suffix == ".pem":
            status = path.stat()
            yield path, (status.st_mtime_ns, status.st_ino, status.st_size)


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _read(paths: Iterable[Path]) -> Iterator[tuple[str, SigningKey]]:
    for path in paths:
        try:
            with path.open("rb") as file:
                key = SigningKey.from_pem(file.read(_MAX_OCTETS), path.stem)
        except KeyDamaged as error:
            log.warning("signing key %s is not used: %s", path.name, error)
        else:
            yield key.kid, key
