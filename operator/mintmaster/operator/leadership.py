"""A client that writes only while its process leads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mintmaster.kube.client import JSON, Client

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mintmaster.kube.config import Connection


class LeadershipLost(Exception):
    """This process may not write any more; another leads or will."""


class LeaderClient(Client):
    """Checks before every write that leadership still stands.

    A process that was paused past its Lease learns so before its first write, not after: the check is here, in the
    one place through which all writes go, and not in each writer.
    """

    def __init__(
        self, connection: Connection, *, may_write: Callable[[], bool], **options: object
    ) -> None:
        super().__init__(connection, **options)  # type: ignore[arg-type] # passed on as they are
        self._may_write = may_write

    async def request(  # noqa: PLR0913 - the signature of the base
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of the base
    ) -> bytes:
        """Send one request; LeadershipLost for a write that may not be made any more."""
        if method != "GET" and not self._may_write():
            raise LeadershipLost(f"{method} {path}")
        return await super().request(
            method, path, params=params, body=body, content_type=content_type, timeout=timeout
        )
