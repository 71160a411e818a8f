"""Personal access tokens as GitLab shows them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mintmaster.api import durations
from mintmaster.api.names import ANNOTATION_TITLE
from mintmaster.gate.compat.gitlab import answers, users
from mintmaster.gate.compat.gitlab.runners import timestamp
from mintmaster.lifecycle.identity import numeric_id
from mintmaster.lifecycle.rights import subject_of
from mintmaster.lifecycle.schedule import MIN_LIFETIME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date

    from mintmaster.api.user_access_token import UserAccessToken
    from mintmaster.gate.compat.gitlab.parameters import Parameters
    from mintmaster.lifecycle.known import KnownResource


def shown(token: UserAccessToken, now: datetime) -> dict[str, object]:
    """A token, without its value."""
    meta, spec, status = token.metadata, token.spec, token.status
    end = status.expires_at
    over = end is not None and end <= now
    return {
        "id": numeric_id(meta.uid),
        "name": title(token),
        "revoked": spec.revoked,
        "created_at": timestamp(meta.creation_timestamp) if meta.creation_timestamp else None,
        "description": spec.description or None,
        "scopes": list(_scopes(token)),
        "user_id": users.user_id(subject_of(token)),
        "last_used_at": None,
        "last_used_ips": [],
        "active": bool(status.tokens) and not spec.revoked and not over,
        "expires_at": end.date().isoformat() if end is not None else None,
    }


def _scopes(token: UserAccessToken) -> tuple[str, ...]:
    """What was recorded for the newest token; until there is one, what is asked for."""
    recorded = token.status.tokens
    return recorded[0].rights.scopes if recorded else token.spec.scopes


def lifetime(until: date | None, now: datetime) -> str | None:
    """How long a token lives that ends when that day begins (UTC). Refused with 400 for days too near."""
    if until is None:
        return None
    left = datetime(until.year, until.month, until.day, tzinfo=UTC) - now.replace(microsecond=0)
    if left < MIN_LIFETIME:
        raise answers.bad_request("Expiration date must be in the future")
    if left > _LONGEST:
        raise answers.bad_request("Expiration date is not possible")
    return durations.format(left)


_LONGEST = timedelta(hours=99_999)
"""What a duration can say."""


def fits(found: Parameters, now: datetime) -> Callable[[KnownResource], bool]:
    """Tell the tokens that the parameters of a list ask for."""
    revoked = found.flag("revoked", False) if found.has("revoked") else None
    state = found.one_of("state", ("active", "inactive"))
    created = found.day("created_after"), found.day("created_before")
    ends = found.day("expires_after"), found.day("expires_before")
    used = found.day("last_used_after"), found.day("last_used_before")
    user = found.number("user_id")

    def wanted(token: KnownResource) -> bool:
        return (
            (revoked is None or revoked == token.revoked)
            and (user is None or user == users.user_id(token.subject))
            and _within(_day_of(token.created), *created)
            and _within(_last_day(token), *ends)
            # Nobody notes when a token was last used.
            and _within(None, *used)
            and (not state or (state == "active") == is_active(token, now))
        )

    return wanted


_KEYS = ("created", "expires", "last_used", "name")
ORDERS = tuple(f"{key}_{direction}" for key in _KEYS for direction in ("asc", "desc"))
"""What lists can be sorted by."""


def ordered(
    tokens: Iterable[KnownResource], order: str, titles: Mapping[str, str]
) -> list[KnownResource]:
    """Sort tokens, by when they were made unless something else is wanted; `titles` are by UID."""
    keys: dict[str, Callable[[KnownResource], object]] = {
        "expires": lambda it: (
            max((token.ends_at for token in it.tokens), default=0.0),
            it.seniority,
        ),
        "name": lambda it: (titles.get(it.uid, ""), it.seniority),
    }
    key, _, direction = order.rpartition("_")
    by: Any = keys.get(key, lambda it: it.seniority)
    return sorted(tokens, key=by, reverse=direction == "desc")


def title(token: UserAccessToken) -> str:
    """What whoever made the token calls it."""
    return token.metadata.annotations.get(ANNOTATION_TITLE, token.metadata.name)


def is_active(token: KnownResource, now: datetime) -> bool:
    """Whether some value of the token is good, as far as its own resource says."""
    return not token.revoked and any(now.timestamp() < it.ends_at for it in token.tokens)


def _last_day(token: KnownResource) -> date | None:
    end = max((it.ends_at for it in token.tokens), default=-math.inf)
    return datetime.fromtimestamp(end, UTC).date() if math.isfinite(end) else None


def _day_of(instant: str) -> date | None:
    return datetime.fromisoformat(instant).date() if instant else None


def _within(day: date | None, after: date | None, before: date | None) -> bool:
    if after is None and before is None:
        return True
    return day is not None and (after is None or day > after) and (before is None or day < before)
