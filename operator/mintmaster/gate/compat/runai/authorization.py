"""Roles and access rules, to be read: both are declared, in the issuer and in the applications' resources.

Run:ai binds a role to a scope in each rule; a token of ours has its roles in all of its projects. Rules written over
HTTP would promise more than the tokens keep to, so they are refused with a sentence that says where to write.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mintmaster.api.kinds import CLIENT_APPLICATION
from mintmaster.gate.compat.fields import query_fields, text
from mintmaster.gate.compat.listing import listed
from mintmaster.gate.compat.runai import answers, entities

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mintmaster.api.client_application import ClientApplication
    from mintmaster.api.token_issuer import RoleDefinition
    from mintmaster.gate.compat.foundation import Foundation
    from mintmaster.gate.compat.runai.access import Access
    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.messages import Answer, IssuerRequest

_LIMIT: Final = 50
_DECLARED: Final = "access rules follow from spec.roles and spec.projects of the ClientApplication: change them there"
_EVERYTHING: Final = "*"

Rule = dict[str, object]


@dataclass(frozen=True, slots=True)
class Authorization:
    """Answers questions about roles and rules."""

    foundation: Foundation
    access: Access

    async def roles(self, request: IssuerRequest) -> Answer:
        """All roles of the issuer."""
        asked = await self.access.of(request)
        roles = asked.home.view.spec.roles
        return answers.answer(200, [_role(asked.home, role) for role in roles])

    async def role(self, request: IssuerRequest, own_id: str) -> Answer:
        """One role."""
        asked = await self.access.of(request)
        for role in asked.home.view.spec.roles:
            if str(number(role.name)) == own_id:
                return answers.answer(200, _role(asked.home, role))
        raise answers.error(404)

    async def rules(self, request: IssuerRequest) -> Answer:
        """The rules that follow from all applications, one page of them."""
        asked = await self.access.of(request)
        asked.demand_management()
        return _page(request, await self._rules(asked.home))

    async def rule(self, request: IssuerRequest, own_id: str) -> Answer:
        """One rule."""
        asked = await self.access.of(request)
        asked.demand_management()
        for rule in await self._rules(asked.home):
            if str(rule["id"]) == own_id:
                return answers.answer(200, rule)
        raise answers.error(404)

    async def count(self, request: IssuerRequest) -> Answer:
        """How many rules there are."""
        asked = await self.access.of(request)
        asked.demand_management()
        found = _filtered(request, await self._rules(asked.home))
        return answers.answer(200, {"count": len(found)})

    async def own_rules(self, request: IssuerRequest) -> Answer:
        """The rules that hold for whoever asks."""
        asked = await self.access.of(request)
        rights, resource = asked.requester.rights, asked.requester.token.resource
        rules = [
            _scope(project, asked.home) | {"roleId": number(role), "roleName": role}
            for role in rights.roles
            for project in rights.projects
        ]
        own = [{"subjectId": resource.uid} | rule for rule in rules]
        body = {"totalRecords": len(own), "displayRecords": len(own), "accessRules": own}
        return answers.answer(200, {"accessRules": body})

    async def own_count(self, request: IssuerRequest) -> Answer:
        """How many rules hold for whoever asks."""
        rights = (await self.access.of(request)).requester.rights
        return answers.answer(200, {"count": len(rights.roles) * len(rights.projects)})

    async def refuse(self, request: IssuerRequest, *_: str) -> Answer:
        """Rules are not written here."""
        await self.access.of(request)
        raise answers.error(403, _DECLARED)

    async def _rules(self, home: KnownIssuer) -> list[Rule]:
        found = await listed(self.foundation.resources, CLIENT_APPLICATION, home.name)
        alive = (it for it in found if not it.spec.revoked and not it.metadata.deletion_timestamp)
        return [rule for application in alive for rule in _rules(application, home)]


def number(name: str) -> int:
    """A number for what Run:ai calls by one and we by a name; the same at every gate, and safe in JavaScript."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6])


def _rules(application: ClientApplication, home: KnownIssuer) -> Iterator[Rule]:
    created = application.metadata.creation_timestamp
    for role in application.spec.roles:
        for project in application.spec.projects:
            scope = _scope(project, home)
            yield {
                "subjectId": application.metadata.uid,
                "subjectType": "service-account",
                "roleId": number(role),
                "roleName": role,
                **scope,
                "id": number(f"{application.metadata.uid}\0{role}\0{project}"),
                "createdAt": created,
                "updatedAt": created,
                "tenantId": number(home.uid),
                "createdBy": entities.created_by(application),
            }


def _scope(project: str, home: KnownIssuer) -> Rule:
    if project == _EVERYTHING:
        return {"scopeType": "tenant", "scopeId": home.uid, "scopeName": home.name}
    return {"scopeType": "project", "scopeId": project, "scopeName": project}


def _role(home: KnownIssuer, role: RoleDefinition) -> dict[str, object]:
    created = home.seniority[0]
    return {
        "id": number(role.name),
        "name": role.name,
        "description": role.description,
        "enabled": True,
        "effectiveEnabled": True,
        "custom": True,
        "createdAt": created,
        "updatedAt": created,
        "createdBy": "",
        "permissions": [],
        "scopes": role.scopes,
    }


_FILTERS: Final = ("subjectType", "scopeType", "scopeId", "roleId")


def _filtered(request: IssuerRequest, rules: list[Rule]) -> list[Rule]:
    found = query_fields(request)
    wanted = {name: text(found, name) for name in _FILTERS} | {
        "subjectId": text(found, "subjectIdFilter") or text(found, "subjectIds")
    }
    asked = {name: value.split(",") for name, value in wanted.items() if value}
    return [rule for rule in rules if all(str(rule[name]) in asked[name] for name in asked)]


def _page(request: IssuerRequest, rules: list[Rule]) -> Answer:
    found, matching = query_fields(request), _filtered(request, rules)
    offset, limit = _whole(text(found, "offset"), 0), _whole(text(found, "limit"), _LIMIT)
    page = matching[offset : offset + limit]
    body = {"totalRecords": len(matching), "displayRecords": len(page), "accessRules": page}
    return answers.answer(200, body)


def _whole(given: str, default: int) -> int:
    if not given:
        return default
    if not given.isdecimal() or len(given) > 9:
        raise answers.error(400, "offset and limit have to be whole numbers")
    return int(given)
