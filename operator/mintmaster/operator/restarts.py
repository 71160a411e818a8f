"""Restarting the workloads that consume a Secret, once per token, and only with their owners' consent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mintmaster.api import names
from mintmaster.api.reasons import Reason
from mintmaster.kube.errors import ApiError, NotFound
from mintmaster.kube.paths import object_path
from mintmaster.lifecycle.issuer_view import Obstacle

if TYPE_CHECKING:
    from mintmaster.api.token_spec import RestartTarget
    from mintmaster.kube.client import Client
    from mintmaster.lifecycle.facts import Facts

_PLURALS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}


class _Meta(msgspec.Struct, frozen=True):
    annotations: dict[str, str] = {}


class _Template(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()


class _Spec(msgspec.Struct, frozen=True):
    template: _Template


class _Workload(msgspec.Struct, frozen=True):
    metadata: _Meta
    spec: _Spec


class Restarts:
    """Rolls Deployments, StatefulSets and DaemonSets by an annotation on their pod template."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def restart(self, facts: Facts) -> Obstacle | None:
        """Roll every consumer that has not been rolled for the current token; what went wrong, if anything did.

        The annotation names the token, so that a crash between two of them, or after all, rolls nobody twice.
        """
        wanted = f"{facts.uid}.{facts.status.revision}"
        problems = [
            problem
            for target in facts.resource.spec.restart
            if (problem := await self._roll(facts.resource.metadata.namespace, target, wanted))
        ]
        if not problems:
            return None
        return Obstacle(Reason.WRITE_FAILED, f"Not restarted: {'; '.join(problems)}.")

    async def _roll(self, namespace: str, target: RestartTarget, wanted: str) -> str:
        label = f"{target.kind.value} {target.name!r}"
        path = object_path("apps/v1", _PLURALS[target.kind.value], namespace, target.name)
        try:
            found = msgspec.json.decode(await self._client.get(path), type=_Workload)
            if found.metadata.annotations.get(names.ANNOTATION_RESTART) != "true":
                return f"{label} lacks the annotation {names.ANNOTATION_RESTART}=true, its owner's consent"
            if (
                found.spec.template.metadata.annotations.get(names.ANNOTATION_TOKEN_REVISION)
                != wanted
            ):
                await self._client.merge_patch(path, _roll_patch(wanted))
        except NotFound:
            return f"{label} does not exist"
        except ApiError as error:
            return f"{label}: {error.message}"
        return ""


def _roll_patch(wanted: str) -> dict[str, object]:
    annotations = {names.ANNOTATION_TOKEN_REVISION: wanted}
    return {"spec": {"template": {"metadata": {"annotations": annotations}}}}
