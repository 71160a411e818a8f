"""Who administers REANA's users: whoever shows an administrator's token, beside having the rights in the cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NoReturn

import typer

from mintmaster.api.kinds import TOKEN_ISSUER, USER_ACCESS_TOKEN
from mintmaster.cli.exits import Exit
from mintmaster.gate.compat.requesters import Requester
from mintmaster.gate.issuer import known_issuer
from mintmaster.gate.knowledge import Knowledge
from mintmaster.gate.settings import VerificationSettings
from mintmaster.gate.verification import Active, Arrivals, Verification
from mintmaster.kube.errors import Forbidden
from mintmaster.kube.paths import collection_path
from mintmaster.lifecycle.known import known
from mintmaster.lifecycle.requester import ADMINISTRATOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mintmaster.api.user_access_token import UserAccessToken
    from mintmaster.cli.session import Item, Session
    from mintmaster.gate.issuer import KnownIssuer

KIND: Final = USER_ACCESS_TOKEN


@dataclass(frozen=True)
class Office:
    """What the commands work with: the issuer, all of its users' tokens, and in whose name."""

    session: Session
    """Its namespace is the one of resources that are made over HTTP."""
    issuer: KnownIssuer
    tokens: list[Item[UserAccessToken]]
    administrator: Requester
    labels: Mapping[str, str]
    """Labels of that namespace, by which the issuer grants."""


async def opened(session: Session, issuer_name: str, home: str, credential: str) -> Office:
    """Look whether the credential is an administrator's; ends the command as REANA does where it is none."""
    issuer = known_issuer((await session.get(TOKEN_ISSUER, issuer_name)).resource)
    found = await session.find(KIND, everywhere=True)
    tokens = [it for it in found if it.resource.spec.issuer_ref.name == issuer_name]
    labels = await _labels(session)
    knowledge = _knowledge(issuer, tokens, labels)
    if not any(_is_administrators(it, home) for it in tokens):
        _end("Server misconfiguration.")
    arrivals = Arrivals(0)
    verification = Verification(knowledge, arrivals, session.clock, VerificationSettings())
    verdict = verification.judge(issuer, credential)
    if not isinstance(verdict, Active) or not _may_administer(verdict, home):
        _end("Admin access token invalid.")
    api_namespace = issuer.view.spec.api_namespace
    return Office(
        session=replace(session, namespace=api_namespace),
        issuer=issuer,
        tokens=tokens,
        administrator=Requester(verdict, is_administrator=True),
        labels=labels.get(api_namespace, {}),
    )


def _knowledge(
    issuer: KnownIssuer,
    tokens: list[Item[UserAccessToken]],
    labels: Mapping[str, Mapping[str, str]],
) -> Knowledge:
    knowledge = Knowledge()
    knowledge.observe_issuer(issuer)
    for namespace, own in labels.items():
        knowledge.observe_labels(namespace, own)
    for item in tokens:
        knowledge.observe(known(KIND.kind, item.resource), listed=True)
    return knowledge


async def _labels(session: Session) -> dict[str, dict[str, str]]:
    """The labels of all namespaces; none for those who may not see them, which grants by name do without."""
    try:
        listed = await session.read(collection_path("v1", "namespaces"))
    except Forbidden:
        return {}
    metadata = [item["metadata"] for item in listed["items"]]
    return {meta["name"]: meta.get("labels", {}) for meta in metadata}


def _is_administrators(item: Item[UserAccessToken], home: str) -> bool:
    resource = item.resource
    return resource.metadata.namespace == home and ADMINISTRATOR in resource.spec.roles


def _may_administer(token: Active, home: str) -> bool:
    """As gates decide it: the role alone does not suffice, a grant of it may have been a mistake."""
    return token.resource.namespace == home and ADMINISTRATOR in token.record.rights.roles


def _end(message: str) -> NoReturn:
    typer.secho(message, fg="red", err=True)
    raise typer.Exit(Exit.FAILED)
