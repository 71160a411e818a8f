"""What an issuer grants: the barrier that holds whoever wrote the resource (GitOps, gate, a person).

One entry must cover all rights of a token; entries do not add up. `*` alone means all, and a request for the
literal `*` needs it. A field left out of an entry grants nothing, except that the issuer's own audiences are
always granted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mintmaster.api.grants import Grant, LabelSelector, NamespaceSelection
    from mintmaster.api.rights import Rights
    from mintmaster.lifecycle.issuer_view import IssuerView

ALL = "*"


@dataclass(frozen=True, slots=True)
class Request:
    """Everything about a token that an issuer's grants can restrict."""

    kind: str
    namespace: str
    namespace_labels: Mapping[str, str]
    rights: Rights
    runner_type: str = ""
    group: str = ""
    client_id: str = ""
    """A client id other than the application's own by default; empty for all else."""
    unlimited: bool = False
    """A token that never expires."""


def denied(subject: str, issuer: IssuerView) -> bool:
    """Whether the issuer denies this subject whatever anybody grants."""
    return any(_matches(pattern, subject) for pattern in issuer.spec.denied_subjects)


def missing(request: Request, issuer: IssuerView) -> tuple[str, ...]:
    """What keeps the request from being granted: empty when one entry of the issuer covers all of it.

    Otherwise what the closest entry for this namespace lacks, in words for the message.
    """
    closest: tuple[str, ...] | None = None
    for grant in issuer.spec.grants:
        if not _selects(grant.namespaces, request):
            continue
        lacks = tuple(_lacks(grant, request, issuer))
        if not lacks:
            return ()
        if closest is None or len(lacks) < len(closest):
            closest = lacks
    return closest or (f"anything in namespace {request.namespace!r}",)


def _lacks(grant: Grant, request: Request, issuer: IssuerView) -> Iterator[str]:
    rights = request.rights
    if not _listed(grant.kinds, request.kind):
        yield f"kind {request.kind}"
    if not any(
        _matches(_bound(pattern, request.namespace), rights.subject) for pattern in grant.subjects
    ):
        yield f"subject {rights.subject!r}"
    if request.runner_type and not _listed(grant.runner_types, request.runner_type):
        yield f"runner type {request.runner_type}"
    if request.group and not _listed(grant.groups, request.group):
        yield f"group {request.group!r}"
    if request.client_id and not _listed(grant.client_ids, request.client_id):
        yield f"client id {request.client_id!r}"
    # Scopes that come with a role are covered by granting the role.
    own_scopes = set(rights.scopes) - issuer.scopes_of(rights.roles)
    yield from _not_listed("scope", grant.scopes, own_scopes)
    yield from _not_listed("role", grant.roles, rights.roles)
    yield from _not_listed("project", grant.projects, rights.projects)
    yield from _not_listed(
        "audience", grant.audiences, set(rights.audiences) - set(issuer.spec.audiences)
    )
    if request.unlimited and not grant.unlimited:
        yield "a token without expiry (ask for a lifetime)"


def _not_listed(what: str, granted: tuple[str, ...], asked: Iterable[str]) -> Iterator[str]:
    return (f"{what} {value!r}" for value in sorted(asked) if not _listed(granted, value))


def _listed(granted: tuple[str, ...], value: str) -> bool:
    return value in granted or ALL in granted


def _bound(pattern: str, namespace: str) -> str:
    return pattern.replace("<namespace>", namespace)


def _selects(selection: NamespaceSelection, request: Request) -> bool:
    named = any(_matches(pattern, request.namespace) for pattern in selection.names)
    return named or (
        selection.selector is not None and _labelled(selection.selector, request.namespace_labels)
    )


def _labelled(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Match labels as Kubernetes does: all of matchLabels and all of matchExpressions."""
    if any(labels.get(key) != value for key, value in selector.match_labels.items()):
        return False
    return all(
        _expression_holds(rule.operator, rule.key, rule.values, labels)
        for rule in selector.match_expressions
    )


def _expression_holds(
    operator: str, key: str, values: tuple[str, ...], labels: Mapping[str, str]
) -> bool:
    match operator:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            # An operator that we don't know must not widen what is granted.
            return False


def _matches(pattern: str, text: str) -> bool:
    """Match a glob in which `*` stands for any run of characters and nothing else is special.

    If the pieces between stars fit at all, they fit at their leftmost places. So nothing is ever tried twice, where
    a regular expression of many stars could take for ever.
    """
    start, *pieces = pattern.split(ALL)
    if not pieces:
        return pattern == text
    *middle, end = pieces
    position = len(start)
    for piece in middle:
        found = text.find(piece, position)
        if found < 0:
            return False
        position = found + len(piece)
    return text.startswith(start) and text.endswith(end) and position + len(end) <= len(text)
