"""Parameters as GitLab checks them: coerced from text, all problems of a request told at once, unknown ones ignored."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, TypeVar

from mintmaster.gate.compat.fields import fields
from mintmaster.gate.compat.gitlab import answers

if TYPE_CHECKING:
    from collections.abc import Collection

    from mintmaster.gate.messages import IssuerRequest

_LARGEST = 2**63 - 1
"""GitLab's ids are bigints."""

_YES = frozenset({"true", "t", "1", "on"})
_NO = frozenset({"false", "f", "0", "off"})

T = TypeVar("T")


@dataclass(slots=True)
class Parameters:
    """The parameters of one request. Reading one notes what is wrong with it; `check` refuses what was noted."""

    given: dict[str, object]
    problems: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Refuse the request with 400 where a parameter that was read is wrong."""
        if self.problems:
            raise answers.invalid_parameters(*self.problems)

    def has(self, name: str) -> bool:
        """Whether the parameter was given at all; null counts as not given."""
        return self.given.get(name) is not None

    def required(self, *names: str) -> None:
        """Note those that are missing."""
        self.problems += [f"{name} is missing" for name in names if not self.has(name)]

    def text(self, name: str, *, longest: int = 1024) -> str:
        """Text; empty where it is absent."""
        value = self.given.get(name)
        if value is None:
            return ""
        if isinstance(value, int | float):
            value = str(value)
        if not isinstance(value, str) or "\0" in value:
            return self._wrong(name, "")
        if len(value) > longest:
            self.problems.append(f"{name} is too long (maximum is {longest} characters)")
        return value

    def number(self, name: str) -> int | None:
        """A whole number, also as text."""
        value = self.given.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdecimal():
            value = int(value) if len(value) < len(str(_LARGEST)) else None
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST:
            return self._wrong(name, None)
        return value

    def flag(self, name: str, otherwise: bool) -> bool:
        """Yes or no, in one of the spellings of Grape."""
        value = self.given.get(name)
        if value is None or value == "":
            return otherwise
        word = str(value).lower() if isinstance(value, str | int) else ""
        if word not in _YES | _NO:
            return self._wrong(name, otherwise)
        return word in _YES

    def one_of(self, name: str, values: Collection[str]) -> str:
        """One of these words; empty where it is absent."""
        value = self.given.get(name)
        if value is None:
            return ""
        if not isinstance(value, str) or value not in values:
            self.problems.append(f"{name} does not have a valid value")
            return ""
        return value

    def words(self, name: str) -> tuple[str, ...]:
        """A list, or text with commas; each word once, in the order given."""
        value = self.given.get(name)
        if isinstance(value, str):
            value = value.split(",")
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            return self._wrong(name, ())
        stripped = (word.strip() for word in value)
        return tuple(dict.fromkeys(word for word in stripped if word))

    def day(self, name: str) -> date | None:
        """A date, `2026-12-31`."""
        value = self.text(name)
        if not value:
            return None
        try:
            return date.fromisoformat(value[:10])
        except ValueError:
            return self._wrong(name, None)

    def _wrong(self, name: str, otherwise: T) -> T:
        self.problems.append(f"{name} is invalid")
        return otherwise


def parameters(request: IssuerRequest) -> Parameters:
    """Read the parameters of a request."""
    return Parameters(fields(request))
