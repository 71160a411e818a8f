"""A gate that answers all foreign APIs but GitLab's, without an API server: for errors, and for what strangers send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from gate.compat.gitlab_bench import API_NAMESPACE, GitLabBench
from gate.workbench import FORM
from mintmaster.gate.routes import Routes

if TYPE_CHECKING:
    from gate.harness import Answer
    from mintmaster.gate.messages import Header


@dataclass
class SiteBench(GitLabBench):
    """One gate; the issuer `default` answers as Project-W, REANA and Run:ai."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.switch_on(
            compatibleApis=["ProjectW", "Reana", "RunAi"],
            roles=[{"name": "Administrator", "scopes": []}, {"name": "Researcher", "scopes": []}],
        )
        # Where Run:ai's applications are; nothing is granted, as there is no key to mint with.
        self.publish(
            "applications",
            uid="applications",
            signer="Gate",
            compatibleApis=["RunAi"],
            apiNamespace=API_NAMESPACE,
            grants=[],
        )

    def routes_anew(self) -> Routes:
        """What another gate would have, which knows the same and has heard of nobody."""
        process = self.process
        return Routes(process.endpoints(), process.knowledge, process.foreign_apis())

    async def asks(
        self,
        method: str,
        path: str,
        token: str = "",
        *,
        json: object = None,
        form: dict[str, str] | None = None,
        headers: tuple[Header, ...] = (),
    ) -> Answer:
        """Ask as the bearer of a token, with a body of either kind."""
        body = b""
        typed: tuple[Header, ...] = ()
        if json is not None:
            body, typed = msgspec.json.encode(json), ((b"content-type", b"application/json"),)
        if form is not None:
            body, typed = urlencode(form).encode(), (FORM,)
        shown = ((b"authorization", f"Bearer {token}".encode()),) if token else ()
        return await self.ask(method, path, body=body, headers=(*typed, *shown, *headers))

    def resources(self, kind: str) -> list[dict[str, Any]]:
        """The resources of a kind, as the API server has them."""
        return [item for place, item in self.store.objects.items() if f"/{kind}/" in place]
