"""Who may do what, as the API server's authorizer says: the operator's account, and ourselves."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from mintmaster.api import names
from mintmaster.cli import shipped
from mintmaster.cli.findings import note, ok, problem
from mintmaster.kube.errors import Forbidden, NotFound
from mintmaster.kube.paths import object_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mintmaster.cli.findings import Finding
    from mintmaster.cli.session import Object, Session

ACCOUNT: Final = "mintmaster-operator"
"""Name of the operator's ServiceAccount, of its ClusterRole, and the beginning of its Role's."""

_REVIEWS: Final = "/apis/authorization.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Right:
    """One thing that one may do."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""

    @property
    def label(self) -> str:
        """As people say it: `patch tokenissuers/status.mintmaster.dev`."""
        return f"{self.verb} {self.resource}{f'.{self.group}' if self.group else ''}"

    def attributes(self) -> Object:
        """The question, as a `ResourceAttributes`."""
        resource, _, subresource = self.resource.partition("/")
        asked = {
            "verb": self.verb,
            "group": self.group,
            "resource": resource,
            "subresource": subresource,
            "namespace": self.namespace,
            "name": self.name,
        }
        return {key: value for key, value in asked.items() if value}


OWN: Final = (
    Right("create", names.GROUP, "runnerregistrations"),
    Right("create", names.GROUP, "useraccesstokens"),
    Right("create", names.GROUP, "clientapplications"),
    Right("get", "", "secrets"),
)
"""What people need in their namespace."""

OWN_IN_CLUSTER: Final = (
    Right("get", names.GROUP, "tokenissuers"),
    Right("patch", names.GROUP, "tokenissuers"),
    Right("approve", names.GROUP, "useraccesstokens"),
    Right("grant", names.GROUP, "scopes"),
    Right("deliver", names.GROUP, "digests"),
)
"""What those need who administer tokens."""


async def operator_rights(session: Session, namespace: str) -> list[Finding]:
    """Whether the operator's ServiceAccount has every right that the manifests give it."""
    subject = "operator's rights"
    account = object_path("v1", "serviceaccounts", namespace, ACCOUNT)
    try:
        await session.read(account)
        lacking = await _lacking(session, namespace)
    except NotFound:
        text = f"there is no ServiceAccount {namespace}/{ACCOUNT}; an operator run from a shell has its kubeconfig's"
        return [note(subject, text)]
    except Forbidden:
        return [note(subject, "they cannot be asked for with these credentials")]
    if lacking:
        told = ", ".join(right.label for right in lacking)
        return [problem(subject, f"its ServiceAccount may not {told}", "mintmaster install")]
    return [ok(subject, "its ServiceAccount has all rights that it needs")]


async def own_rights(session: Session) -> list[Finding]:
    """What we ourselves may do; lacking a right is no fault of the installation."""
    asked = [
        *(Right(it.verb, it.group, it.resource, session.namespace) for it in OWN),
        *OWN_IN_CLUSTER,
    ]
    allowed = await asyncio.gather(*(_may_i(session, right) for right in asked))
    can = [it.label for it, may in zip(asked, allowed, strict=True) if may]
    cannot = [it.label for it, may in zip(asked, allowed, strict=True) if not may]
    found = [ok("your rights", f"in {session.namespace}: {', '.join(can) or 'none of ours'}")]
    if cannot:
        found.append(note("your rights", f"not: {', '.join(cannot)}"))
    return found


async def _lacking(session: Session, namespace: str) -> list[Right]:
    wanted = list(_shipped_rights())
    allowed = await asyncio.gather(*(_may_account(session, namespace, right) for right in wanted))
    return [right for right, may in zip(wanted, allowed, strict=True) if not may]


def _shipped_rights() -> Iterator[Right]:
    """The rights in the operator's ClusterRole and Role, one by one."""
    for body in shipped.manifests():
        if body["kind"] in {"ClusterRole", "Role"} and body["metadata"]["name"].startswith(ACCOUNT):
            for rule in body["rules"]:
                yield from _of_rule(rule, body["metadata"].get("namespace", ""))


def _of_rule(rule: Object, namespace: str) -> Iterator[Right]:
    named: Iterable[str] = rule.get("resourceNames", ("",))
    for group in rule["apiGroups"]:
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                for name in named:
                    yield Right(verb, group, resource, namespace, name)


async def _may_i(session: Session, right: Right) -> bool:
    spec = {"resourceAttributes": right.attributes()}
    return await _review(session, "SelfSubjectAccessReview", "selfsubjectaccessreviews", spec)


async def _may_account(session: Session, namespace: str, right: Right) -> bool:
    spec = {
        "user": f"system:serviceaccount:{namespace}:{ACCOUNT}",
        "groups": [
            "system:authenticated",
            "system:serviceaccounts",
            f"system:serviceaccounts:{namespace}",
        ],
        "resourceAttributes": right.attributes(),
    }
    return await _review(session, "SubjectAccessReview", "subjectaccessreviews", spec)


async def _review(session: Session, kind: str, plural: str, spec: Object) -> bool:
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
    answer: Any = msgspec.json.decode(await session.client.create(f"{_REVIEWS}/{plural}", body))
    return bool(answer["status"]["allowed"])
