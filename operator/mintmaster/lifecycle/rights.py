"""Which rights a resource asks for, and how recorded rights compare with what is asked for today."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from mintmaster.api.client_application import ClientApplication
from mintmaster.api.rights import Rights
from mintmaster.api.runner_registration import RunnerRegistration
from mintmaster.api.user_access_token import UserAccessToken

if TYPE_CHECKING:
    from mintmaster.api.kinds import TokenResource
    from mintmaster.lifecycle.issuer_view import IssuerView


def subject_of(resource: TokenResource) -> str:
    """Who the token speaks for (`sub`): `user:<email>`, `runner:<namespace>:<name>` or `app:<client id>`."""
    if isinstance(resource, UserAccessToken):
        return f"user:{resource.spec.user.email}"
    if isinstance(resource, ClientApplication):
        return f"app:{resource.client_id}"
    return f"runner:{resource.metadata.namespace}:{resource.metadata.name}"


def client_id_of(resource: TokenResource) -> str:
    """The claim `client_id`: an application's own; else `user:` or `runner:` with namespace and name."""
    if isinstance(resource, ClientApplication):
        return resource.client_id
    what = "user" if isinstance(resource, UserAccessToken) else "runner"
    return f"{what}:{resource.metadata.namespace}:{resource.metadata.name}"


def asked_roles(resource: TokenResource) -> tuple[str, ...]:
    """The roles that the spec names; runners have none."""
    return () if isinstance(resource, RunnerRegistration) else resource.spec.roles


def asked_projects(resource: TokenResource) -> tuple[str, ...]:
    """The projects that the token is bound to; none means no project, not all."""
    if isinstance(resource, RunnerRegistration):
        return (resource.spec.project,) if resource.spec.project else ()
    return resource.spec.projects


def desired(resource: TokenResource, issuer: IssuerView) -> Rights:
    """The rights of a token issued now, in canonical order; scopes are the spec's and its roles'."""
    roles = asked_roles(resource)
    return Rights(
        subject=subject_of(resource),
        audiences=_canonical(resource.spec.token.audiences or issuer.spec.audiences),
        scopes=_canonical({*resource.spec.scopes, *issuer.scopes_of(roles)}),
        roles=_canonical(roles),
        projects=_canonical(asked_projects(resource)),
    )


def exceeds(recorded: Rights, wanted: Rights) -> bool:
    """Whether a recorded token may do something that is not wanted any more (so it gets no overlap)."""
    return (
        recorded.subject != wanted.subject
        or not set(recorded.audiences) <= set(wanted.audiences)
        or not set(recorded.scopes) <= set(wanted.scopes)
        or not set(recorded.roles) <= set(wanted.roles)
        or not set(recorded.projects) <= set(wanted.projects)
    )


def falls_short(recorded: Rights, resource: TokenResource) -> bool:
    """Whether a recorded token lacks, or differs from, something that the spec itself names.

    What only an issuer's changed defaults would add (a default audience, a scope added to a role) is
    left for the next issue: one edit of an issuer must not mint everything anew (I5).
    """
    spec = resource.spec
    return (
        not set(spec.scopes) <= set(recorded.scopes)
        or set(asked_roles(resource)) != set(recorded.roles)
        or set(asked_projects(resource)) != set(recorded.projects)
        or (bool(spec.token.audiences) and set(spec.token.audiences) != set(recorded.audiences))
    )


def same(one: Rights, other: Rights) -> bool:
    """Whether two rights are equal as sets, whatever the order they were recorded in."""
    return one.subject == other.subject and all(
        set(getattr(one, name)) == set(getattr(other, name))
        for name in ("audiences", "scopes", "roles", "projects")
    )


def fingerprint(rights: Rights) -> str:
    """A hash of rights (hex, 32 characters), to which an approval is bound (`approvedRightsHash`)."""
    return hashlib.sha256(msgspec.json.encode(rights, order="deterministic")).hexdigest()[:32]


def _canonical(values: set[str] | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))
