"""A gate that answers as GitLab, without an API server: for rows of errors, and for all that strangers may send."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from gate.compat.store import Store
from gate.workbench import NOW, Workbench, rfc3339
from mintmaster.gate.app import App, Health
from mintmaster.gate.routes import Routes
from mintmaster.tokens import opaque
from mintmaster.tokens.digests import digest

if TYPE_CHECKING:
    from gate.harness import Answer

API_NAMESPACE = "mintmaster-api"
SCOPES = (
    "api",
    "read_api",
    "read_user",
    "create_runner",
    "manage_runner",
    "k8s_proxy",
    "self_rotate",
)
LISTS = ("kinds", "subjects", "runnerTypes", "projects", "groups", "scopes", "roles", "audiences")
UNLIMITED: dict[str, Any] = {
    "namespaces": {"names": ["*"]},
    "unlimited": True,
    **{name: ["*"] for name in LISTS},
}


@dataclass
class GitLabBench(Workbench):
    """One gate; the issuer `default` answers as GitLab, and grants everything unless said otherwise."""

    def __post_init__(self) -> None:
        super().__post_init__()
        process = self.process
        self.store = Store(process.knowledge)
        process.client = self.store  # type: ignore[assignment]
        routes = Routes(process.endpoints(), process.knowledge, process.foreign_apis())
        health = Health(unready=str, age=lambda: self.age, lacks=str)
        self.app = App(routes, health, process.metrics)
        self.switch_on()

    def switch_on(self, **spec: Any) -> None:
        """Publish the issuer."""
        wanted: dict[str, Any] = {
            "scopes": [{"name": scope} for scope in SCOPES],
            "compatibleApis": ["GitLab"],
            "apiNamespace": API_NAMESPACE,
            "grants": [UNLIMITED],
        }
        self.publish(**(wanted | spec))

    def person(self, name: str = "ada", **fields: Any) -> str:
        """The token of a user, of project 3 and with the scope `api` unless said otherwise."""
        return self._applied("UserAccessToken", name, fields, {"user": {"email": _mail(name)}})

    def administrator(self, name: str = "root", **fields: Any) -> str:
        held = {"roles": ["Administrator"], "projects": ["*"], "scopes": list(SCOPES)}
        return self.person(name, **({"namespace": "mintmaster-system"} | held | fields))

    def runner(self, name: str = "linux", **fields: Any) -> str:
        """The token of a runner of project 3, which was applied with kubectl."""
        spec = {"type": "Project", "project": fields.pop("project", "3")}
        held = {"subject": f"runner:team:{name}", "scopes": [], "projects": [spec["project"]]}
        return self._applied("RunnerRegistration", name, held | fields, spec)

    def number(self, name: str) -> int:
        """How GitLab's clients call the resource of that name."""
        knowledge = self.process.knowledge
        uids = (f"{name}-uid",)
        return next(found.number for uid in uids if (found := knowledge.resource(uid)))

    def _applied(self, kind: str, name: str, fields: dict[str, Any], spec: dict[str, Any]) -> str:
        namespace = fields.pop("namespace", "team")
        ends_at = fields.pop("ends_at", None)
        changes = fields.pop("spec", {})
        token = opaque.mint("glrt-" if kind == "RunnerRegistration" else "glpat-")
        if fields.pop("held", False):
            held_digest = {"format": "Opaque", "valueDigest": digest(token)}
            changes = changes | {"delivery": "Caller", "token": held_digest}
        held = {
            "subject": f"user:{_mail(name)}",
            "audiences": ["https://services.example.org"],
            "scopes": ["api"],
            "projects": ["3"],
        } | fields
        uid = f"{name}-uid"
        record = {
            "id": f"{uid}.1.00",
            "revision": 1,
            "digest": digest(token),
            "issuedAt": rfc3339(NOW - timedelta(hours=1)),
            "rights": held,
        }
        if ends_at is not None:
            record |= {"expiresAt": rfc3339(ends_at), "validUntil": rfc3339(ends_at)}
        meta = {
            "name": name,
            "namespace": namespace,
            "uid": uid,
            "creationTimestamp": rfc3339(NOW - timedelta(hours=1)),
        }
        status = {"uid": uid, "revision": 1, "tokens": [record], "observedGeneration": 1}
        self.store.put(kind, {"metadata": meta, "spec": spec | changes, "status": status})
        return token

    async def call(
        self,
        method: str,
        path: str,
        token: str = "",
        json: object = None,
        *headers: tuple[bytes, bytes],
    ) -> Answer:
        """Ask as GitLab's clients do."""
        shown = ((b"private-token", token.encode()),) if token else ()
        typed = ((b"content-type", b"application/json"),) if json is not None else ()
        body = msgspec.json.encode(json) if json is not None else b""
        return await self.ask(
            method, f"/api/v4{path}", body=body, headers=(*shown, *typed, *headers)
        )


def _mail(name: str) -> str:
    return f"{name}@team.example"
