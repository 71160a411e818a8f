"""The token endpoint (RFC 6749, section 3.2): which grant is asked for, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from mintmaster.gate.forms import parameters
from mintmaster.gate.messages import Refused, oauth_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from mintmaster.gate.forms import Parameters
    from mintmaster.gate.messages import Answer, IssuerRequest
    from mintmaster.gate.metrics import Metrics

    Grant = Callable[[IssuerRequest, Parameters], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """`POST /oauth2/token`."""

    grants: Mapping[str, Grant]
    """By `grant_type`."""
    metrics: Metrics

    async def __call__(self, request: IssuerRequest) -> Answer:
        """Grant a token, or say in the words of RFC 6749, section 5.2, why not."""
        if not request.issuer.is_gate_signed:
            raise oauth_error(404, "not_found", "the issuer mints no tokens over HTTP")
        form = parameters(request)
        asked = form.required("grant_type")
        grant = self.grants.get(asked)
        if grant is None:
            raise oauth_error(400, "unsupported_grant_type", "there is no such grant")
        try:
            answer = await grant(request, form)
        except Refused as refused:
            self.metrics.count_grant(asked, _error(refused.answer))
            raise
        self.metrics.count_grant(asked, "issued")
        return answer


class _Error(msgspec.Struct):
    error: str


def _error(answer: Answer) -> str:
    return msgspec.json.decode(answer.body, type=_Error).error
