"""Resources whose tokens have entries in status lists."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from lifecycle.build import NOW, meta, status, user_token
from mintmaster.api.rights import Rights
from mintmaster.api.status import TokenRecord
from mintmaster.lifecycle.status_list_issue import Validity

if TYPE_CHECKING:
    from datetime import datetime

    from mintmaster.api.kinds import TokenResource

ISSUER, URL = "default", "https://tokens.example.org"
VALIDITY = Validity()
KEY = "key-1"
HOUR = timedelta(hours=1)


def resource(name: str, uid: str, *records: TokenRecord) -> TokenResource:
    return user_token(
        meta("name", name), meta("uid", uid), status("uid", uid), status("tokens", records)
    )


def record(
    uri: str,
    index: int,
    *,
    expires_at: datetime = NOW + HOUR,
    valid_until: datetime | None = None,
    id_: str = "1",
) -> TokenRecord:
    return TokenRecord(
        id=id_,
        revision=1,
        digest="A" * 43,
        issued_at=NOW,
        expires_at=expires_at,
        valid_until=valid_until or expires_at,
        rights=Rights(subject="user:ada@example.org"),
        status_index=index,
        status_list=uri,
    )


def is_invalid(entries: bytes, index: int) -> bool:
    return bool(entries[index // 8] >> index % 8 & 1)
