"""Who calls GitLab's API, by its three ways of showing an access token, and whether the token's scopes reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mintmaster.gate.compat.cluster_requesters import Wish
from mintmaster.gate.compat.fields import fields, text
from mintmaster.gate.compat.gitlab import answers
from mintmaster.gate.compat.requesters import Rejection, Requester

if TYPE_CHECKING:
    from mintmaster.gate.compat.cluster_requesters import ClusterRequesters
    from mintmaster.gate.compat.requesters import Requesters
    from mintmaster.gate.messages import IssuerRequest, Refused

EVERYTHING = "api"
READING = "read_api"

_CI_JOB_PREFIX = "glcbt-"
"""What job tokens begin with; these count nowhere here, not even as wrong ones."""

_READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Access:
    """Lets requests in, or not."""

    requesters: Requesters
    cluster: ClusterRequesters

    async def by_scope(self, request: IssuerRequest, *scopes: str) -> Requester:
        """Who calls, if their token has one of these scopes, `api`, or `read_api` where nothing is changed."""
        registered = (*scopes, EVERYTHING, READING)
        requester = await self._of_kubernetes(request, registered) or await self.by_any_token(
            request
        )
        reaching = {*scopes, EVERYTHING, *((READING,) if request.method in _READS else ())}
        if reaching.isdisjoint(requester.rights.scopes):
            # All that GitLab has registered, also what does not reach this request.
            raise answers.insufficient_scope(registered)
        return requester

    async def _of_kubernetes(
        self, request: IssuerRequest, scopes: tuple[str, ...]
    ) -> Requester | None:
        """Who calls with a token of the cluster, if it is one."""
        credential = shown(request)
        if not credential:
            return None
        wish = Wish(scopes, text(fields(request), "project_id"))
        return await self.cluster.of(request.issuer, credential, wish)

    async def by_any_token(self, request: IssuerRequest) -> Requester:
        """Who calls, whatever their token may do. Refused with 401."""
        found = await self.rejected_or_known(request)
        if isinstance(found, Requester):
            return found
        raise refusal(found)

    async def rejected_or_known(self, request: IssuerRequest) -> Requester | Rejection:
        """Who calls, or why their token is none."""
        credential = shown(request)
        if not credential:
            return Rejection.UNKNOWN
        return await self.requesters.of(request.issuer, credential)


def shown(request: IssuerRequest) -> str:
    """The access token that a request carries: parameter, header of GitLab's own, or bearer; empty for none."""
    parameter = text(fields(request), "private_token")
    if parameter:
        return parameter
    own = _single(request, b"private-token")
    if own and not own.startswith(_CI_JOB_PREFIX):
        return own
    scheme, _, credential = _single(request, b"authorization").partition(" ")
    return credential.strip() if scheme.lower() == "bearer" else ""


def _single(request: IssuerRequest, name: bytes) -> str:
    values = request.values(name)
    return values[0].decode("latin-1") if len(values) == 1 else ""


def refusal(rejection: Rejection) -> Refused:
    """401, with what became of the token where it was one."""
    match rejection:
        case Rejection.EXPIRED:
            return answers.invalid_token(answers.EXPIRED)
        case Rejection.REVOKED:
            return answers.invalid_token(answers.REVOKED)
        case _:
            return answers.unauthorized()
