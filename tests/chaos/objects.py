"""What the rig creates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.api import OURS

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from chaos.record import Object

SYSTEM = "mintmaster-system"
NAMESPACES = ("chaos-a", "chaos-b")
ISSUER = "chaos"
APPLICATIONS = "chaos-applications"
"""The issuer of what applications obtain from gates; here none asks for it, and client secrets are what is judged."""

MAX_STALENESS = 20.0
"""Seconds; the issuer's `maxStaleness`."""

ASKER = "chaos-asker"
ASKER_SECRET = "chaos-asker-token"
ASKER_PATH = f"{OURS}/namespaces/{SYSTEM}/useraccesstokens/{ASKER}"

SCOPES = ("api", "read_api", "jobs", "introspect")
TOKEN_KEYS = ("token", "credential", "previous", "client-secret")
"""The keys of Secrets under which tokens lie, in what the rig asks for."""

PASSWORDS = ("password", "wanted-by-somebody")
"""Secrets of others in each namespace; a resource asks for the last."""

_SHORT = {"lifetime": "10m", "renewBefore": "5m", "overlap": "30s"}
_LONG = {"lifetime": "24h", "overlap": "1m"}


def groundwork() -> Iterator[tuple[Object, str]]:
    """What stands from the beginning to the end, and the collections to create it in."""
    for name in NAMESPACES:
        yield (
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
            "/api/v1/namespaces",
        )
    yield _issuer(), f"{OURS}/tokenissuers"
    yield _issuer_of_applications(), f"{OURS}/tokenissuers"
    yield _asker(), f"{OURS}/namespaces/{SYSTEM}/useraccesstokens"
    for name in NAMESPACES:
        for password in PASSWORDS:
            yield secret(name, password), f"/api/v1/namespaces/{name}/secrets"
        wanting = runner(name, "wants-a-password", {"secret": {"name": PASSWORDS[-1]}})
        yield wanting, f"{OURS}/namespaces/{name}/runnerregistrations"


def secret(namespace: str, name: str) -> Object:
    """A Secret of somebody else."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": {"token": "somebody-elses"},
    }


def runner(namespace: str, name: str, spec: Object) -> Object:
    return _resource("RunnerRegistration", namespace, name, {"type": "Instance", **spec})


def drawn(rng: random.Random, kind: str, namespace: str, name: str) -> Object:
    """A resource of any of the shapes that matter."""
    if kind == "ClientApplication":
        return _application(rng, namespace, name)
    token: Object = dict(rng.choice((_SHORT, _SHORT, _LONG)))
    if rng.random() < 0.35:
        token |= {"format": "Opaque", "prefix": "glrt-"}
    spec: Object = {"token": token, "description": "", "scopes": _scopes(rng)}
    spec |= rng.choice((
        {},
        {},
        {"secret": {"tokenKey": "credential"}},
        {"secret": {"previousTokenKey": "previous"}},
        {"secret": {"template": {"data": {"config": "is {{ token | json }} for {{ name }}"}}}},
    ))  # fmt: skip
    if kind == "RunnerRegistration":
        return runner(namespace, name, spec)
    spec["user"] = {"email": f"{name}@team.example"}
    return _resource(kind, namespace, name, spec)


def drawn_edit(rng: random.Random, schedule: str) -> tuple[Object, int]:
    """A change of a spec, and how many issues it may cost."""
    return rng.choice((
        ({"description": f"edited {rng.random()}"}, 0),
        ({"scopes": _scopes(rng)}, 1),
        ({"scopes": _scopes(rng)}, 1),
        ({schedule: _SHORT}, 1),
        ({schedule: _LONG | {"renewBefore": None}}, 1),
    ))  # fmt: skip


def is_ready(item: Object) -> bool:
    """Whether the condition Ready is true of the present generation."""
    conditions = (item.get("status") or {}).get("conditions") or []
    return any(
        it["type"] == "Ready"
        and it["status"] == "True"
        and it.get("observedGeneration") == item["metadata"]["generation"]
        for it in conditions
    )


def _resource(kind: str, namespace: str, name: str, spec: Object) -> Object:
    return {
        "apiVersion": "mintmaster.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"issuerRef": {"name": ISSUER}, **spec},
    }


def _application(rng: random.Random, namespace: str, name: str) -> Object:
    spec: Object = {
        "issuerRef": {"name": APPLICATIONS},
        "clientSecret": dict(rng.choice((_SHORT, _LONG))),
        "scopes": _scopes(rng),
    }
    if rng.random() < 0.3:
        spec["secret"] = {
            "template": {"data": {"config": "{{ client_id }} has {{ token | json }}"}}
        }
    return _resource("ClientApplication", namespace, name, spec)


def _scopes(rng: random.Random) -> list[str]:
    return sorted(rng.sample(SCOPES[:3], rng.randint(0, 3)))


def _asker() -> Object:
    spec = {
        "user": {"email": "asker@team.example"},
        "roles": ["Administrator"],
        "token": {"format": "Opaque", "lifetime": "720h"},
    }
    return _resource("UserAccessToken", SYSTEM, ASKER, spec)


def _issuer_of_applications() -> Object:
    found = _issuer()
    found["metadata"]["name"] = APPLICATIONS
    limits = {**found["spec"]["limits"], "defaultLifetime": "1h", "maxLifetime": "1h"}
    found["spec"] |= {"url": "https://chaos.example.org/applications", "signer": "Gate"}
    found["spec"]["limits"] = limits
    return found


def _issuer() -> Object:
    everything = (
        "kinds",
        "subjects",
        "runnerTypes",
        "projects",
        "groups",
        "scopes",
        "roles",
        "audiences",
    )
    return {
        "apiVersion": "mintmaster.dev/v1alpha1",
        "kind": "TokenIssuer",
        "metadata": {"name": ISSUER},
        "spec": {
            "url": "https://chaos.example.org",
            "signer": "Operator",
            "audiences": ["https://services.example.org"],
            "scopes": [{"name": name} for name in SCOPES],
            "roles": [{"name": "Administrator", "scopes": list(SCOPES)}],
            "limits": {
                "maxStaleness": f"{MAX_STALENESS:.0f}s",
                # The budget is tested elsewhere; here it would hide what else goes wrong.
                "issuesPerHour": 360,
                "issuesPerHourPerNamespace": 100_000,
            },
            "grants": [
                {
                    "namespaces": {"names": [SYSTEM, *NAMESPACES]},
                    "unlimited": True,
                    **{name: ["*"] for name in everything},
                }
            ],
        },
    }
