"""Every route of every foreign API, asked by everybody: a gate on which all of them are switched on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from gate.compat.gitlab_bench import API_NAMESPACE, SCOPES, UNLIMITED
from gate.compat.site_bench import SiteBench
from gate.workbench import NOW, rfc3339
from mintmaster.gate.compat.gitlab.users import user_id
from mintmaster.gate.settings import Settings, VerificationSettings
from mintmaster.tokens import opaque
from mintmaster.tokens.digests import digest
from mintmaster.tokens.keys import SigningKey

if TYPE_CHECKING:
    from collections.abc import Iterator

MANAGING = ("jobs", "settings")
"""Scopes of Run:ai's; whoever has the second manages applications."""
EVERY_SCOPE = (*SCOPES, *MANAGING)
ROLES = [
    {"name": "Researcher", "scopes": ["jobs"]},
    {"name": "Administrator", "scopes": ["settings"]},
]
WIDE = {"scopes": list(SCOPES), "projects": ["*"], "roles": ["Administrator"]}


_IMPATIENT = Settings(verification=VerificationSettings(opaque_patience=0.0))


@cache
def _key(name: str) -> SigningKey:
    """The same key for an issuer on all benches: making one takes longer than the rest."""
    return SigningKey.generate()


@dataclass
class AllBench(SiteBench):
    """One gate that answers all four APIs, mints for applications, and knows resources of all widths."""

    folder: Path = field(default_factory=Path)
    key: SigningKey = field(default_factory=lambda: _key("default"))
    # No other gate makes tokens, so that nothing has to be waited for.
    settings: Settings = field(default_factory=lambda: _IMPATIENT)

    def __post_init__(self) -> None:
        super().__post_init__()
        apis = ["GitLab", "ProjectW", "Reana", "RunAi"]
        scopes = [{"name": scope} for scope in EVERY_SCOPE]
        self.switch_on(compatibleApis=apis, scopes=scopes, roles=ROLES)
        minting = _key("applications")
        self.process.signing_keys.folder = self.folder
        self._place(minting)
        self.publish(
            "applications",
            uid="applications",
            signer="Gate",
            compatibleApis=["RunAi"],
            apiNamespace=API_NAMESPACE,
            grants=[UNLIMITED | {"clientIds": ["*"]}],
            scopes=scopes,
            roles=ROLES,
            keys=[self.key_record(minting)],
            limits={"defaultLifetime": "1h", "maxLifetime": "12h"},
        )
        self._resources()

    def _place(self, key: SigningKey) -> None:
        place = self.folder / "applications"
        place.mkdir(exist_ok=True)
        (place / f"{key.kid}.pem").write_bytes(key.to_pem())
        self.process.signing_keys.read()

    def _resources(self) -> None:
        """What others hold, with rights of all widths: to be taken over, if that were possible."""
        owner = {"user": {"email": "owner@team.example"}}
        for name, rights in {
            "wide-pat": {"subject": "user:owner@team.example", **WIDE},
            "narrow-pat": {"subject": "user:owner@team.example", "scopes": ["read_user"]},
        }.items():
            asked = {key: rights.get(key, []) for key in ("scopes", "projects", "roles")}
            self.person(name, held=True, spec=owner | asked, **rights)
        self.runner("linux", held=True)
        self.runner("foreign", held=True, project="4")
        self.runner("gifted", held=True, scopes=["api"], spec={"scopes": ["api"]})
        self.runner("applied")
        self.application("victim", roles=["Administrator"], projects=["*"])
        maker = {"subject": f"app:{API_NAMESPACE}.application-researcher"}
        self.application("own-key", roles=["Researcher"], projects=["3"], requestedBy=maker)

    def application(self, name: str, **spec: Any) -> str:
        """The client secret of an application that its holder made."""
        secret = opaque.mint("mms_")
        scopes = [
            it for role in ROLES if role["name"] in spec.get("roles", []) for it in role["scopes"]
        ]
        uid = f"{name}-uid"
        rights = {
            "subject": f"app:{API_NAMESPACE}.{name}",
            "audiences": ["https://services.example.org"],
            "scopes": sorted({*scopes, *spec.get("scopes", [])}),
            "roles": spec.get("roles", []),
            "projects": spec.get("projects", []),
        }
        record = {
            "id": f"{uid}.1.00",
            "revision": 1,
            "digest": digest(secret),
            "issuedAt": rfc3339(NOW - timedelta(hours=1)),
            "rights": rights,
        }
        status = {"uid": uid, "revision": 1, "observedGeneration": 1, "secrets": [record]}
        meta = {"name": name, "namespace": API_NAMESPACE, "uid": uid}
        self.store.put(
            "ClientApplication",
            {
                "metadata": meta | {"creationTimestamp": rfc3339(NOW - timedelta(hours=1))},
                "spec": {"delivery": "Caller", "clientSecret": {"valueDigest": digest(secret)}}
                | spec,
                "status": status | {"clientId": f"{API_NAMESPACE}.{name}"},
            },
        )
        return secret

    async def access_token(self, name: str, secret: str) -> str:
        """What an application obtains."""
        body = {"grantType": "app_token", "appId": name, "appSecret": secret}
        answer = await self.asks("POST", "/api/v1/token", json=body)
        assert answer.status == 200, answer
        token: str = answer.json["accessToken"]
        return token


@dataclass(frozen=True)
class Caller:
    """Somebody who asks, and what they show wherever a route looks for it."""

    name: str
    token: str = field(repr=False)
    secret: str = field(default="", repr=False)
    """The client secret, of an application that asks with it."""
    email: str = "owner@team.example"

    @property
    def administers(self) -> bool:
        return self.name.startswith("administrator")


async def callers(bench: AllBench) -> dict[str, Caller]:
    """Everybody, each with less than somebody else."""
    tokens = {
        "nobody": "",
        "stranger": "glpat-unknown",
        "no scope": bench.person("none", scopes=[]),
        **{
            scope: bench.person(f"only-{scope}".replace("_", "-"), scopes=[scope])
            for scope in EVERY_SCOPE
        },
        "api, no project": bench.person("homeless", projects=[]),
        "api, project 4": bench.person("neighbour", projects=["4"]),
        "api, all projects": bench.person("everywhere", projects=["*"]),
        "role Researcher": bench.person("researcher", roles=["Researcher"]),
        "role Administrator elsewhere": bench.person("impostor", **WIDE),
        "other audience": bench.person("abroad", audiences=["https://other.example.org"]),
        "holder of a token": bench.person(
            "holder", held=True, spec={"scopes": ["api"], "projects": ["3"]}
        ),
        "administrator without scopes": bench.administrator("weak", scopes=[]),
        "administrator with read_api": bench.administrator("watcher", scopes=["read_api"]),
        "administrator of project 3": bench.administrator("local", projects=["3"]),
        "administrator": bench.administrator("root", scopes=list(EVERY_SCOPE)),
        "runner": bench.runner("worker", held=True),
        "runner with api": bench.runner("cunning", scopes=["api"]),
        "revoked": bench.person("former", spec={"revoked": True}, **WIDE),
        "expired": bench.person("late", ends_at=NOW, **WIDE),
    }
    found = {name: Caller(name, token) for name, token in tokens.items()}
    for name, spec in {
        "application without roles": {},
        "application Researcher": {"roles": ["Researcher"], "projects": ["3"]},
        "application Administrator": {"roles": ["Administrator"], "projects": ["3"]},
    }.items():
        own = name.lower().replace(" ", "-")
        secret = bench.application(own, **spec)
        found[name] = Caller(name, await bench.access_token(own, secret), secret)
        found[f"secret of {name}"] = Caller(f"secret of {name}", secret, secret)
    return found


def operations() -> list[tuple[str, str]]:
    """Method and path of all operations, as the gate has them: none is left out for being new."""
    found: set[tuple[str, str]] = set()
    for api in SiteBench().process.foreign_apis():
        dispatch: Any = api.endpoint.handle
        found |= dispatch.operations.all
    return sorted(found)


NUMBERED = {
    "runners": ("linux", "foreign", "gifted", "applied"),
    "personal_access_tokens": ("wide-pat", "narrow-pat"),
}
PLACES = {
    "projects": ("3", "4"),
    "groups": ("7",),
    "realms": ("default", "applications"),
    "roles": ("1",),
    "access-rules": ("1",),
    **dict.fromkeys(
        ("service-accounts", "apps", "access-keys", "user-applications"),
        ("victim-uid", "application-researcher-uid", "own-key-uid"),
    ),
}


def filled(bench: AllBench, path: str) -> Iterator[str]:
    """The path with something in its places that is there; KeyError for a place that nobody has thought of."""
    segments = path.split("/")
    candidates = [_fitting(bench, segments, number) for number in range(len(segments))]
    for chosen in product(*candidates):
        yield "/".join(chosen)


def _fitting(bench: AllBench, segments: list[str], number: int) -> tuple[str, ...]:
    if segments[number] != "{}":
        return (segments[number],)
    before = segments[number - 1]
    if before == "users":
        return tuple(str(user_id(f"user:{name}@team.example")) for name in ("owner", "root"))
    if before in NUMBERED:
        return tuple(str(bench.number(name)) for name in NUMBERED[before])
    return PLACES[before]


def bodies(caller: Caller) -> Iterator[dict[str, Any]]:
    """All that a caller could ask for, in one: unknown fields count for nothing."""
    shown: dict[str, Any] = {
        "token": caller.token,
        "system_id": "s_1",
        "email": caller.email,
        "username": caller.email,
        "password": caller.token,
        "client_id": caller.name.removeprefix("secret of ").lower().replace(" ", "-"),
        "client_secret": caller.secret,
        "grant_type": "client_credentials",
        "grantType": "app_token",
    }
    shown |= {"appId": shown["client_id"], "appSecret": caller.secret, "secret": caller.secret}
    wanted: dict[str, Any] = {
        "roles": ["Administrator"],
        "projects": ["*"],
        "user": {"email": "root@team.example"},
    }
    about: dict[str, Any] = {
        "version": "1",
        "git_hash": "0",
        "source_code_url": "x",
        "priority": 1,
        "enabled": True,
    }
    about |= {"description": "mine", "paused": True, "runner_id": 3}
    kinds: tuple[dict[str, Any], ...] = (
        {"runner_type": "project_type", "project_id": 3},
        {"runner_type": "project_type", "project_id": 4},
        {"runner_type": "group_type", "group_id": 7},
        {"runner_type": "instance_type"},
    )
    scopes = (list(SCOPES), ["api"], ["k8s_proxy"], ["admin_mode"])
    for number, (kind, asked) in enumerate(zip(kinds, scopes, strict=True)):
        yield shown | wanted | about | kind | {"name": f"made{number}", "scopes": asked}


async def ask(bench: AllBench, method: str, path: str, caller: Caller, body: dict[str, Any]) -> Any:
    """Ask with what the caller has in every place at once; forms to the routes that read nothing else."""
    shown = caller.token.encode()
    headers = [
        (b"private-token", shown),
        (b"x-token-management-secret", shown),
        (b"authorization", b"Bearer " + shown),
    ]
    if path.endswith(("/token", "/apptoken")):
        # Who comes with a client secret shows nothing else (RFC 6749, section 2.3).
        headers = [] if caller.secret else headers
        body = body | {"name": body["client_id"]}
    if path.startswith("/auth/") or path.endswith(("/v2/token", "/login")):
        form = {key: value for key, value in body.items() if isinstance(value, str)}
        # For the login that wants one; other requests have no scope, which stands for all.
        form |= {"scope": "admin"} if path.endswith("/login") else {}
        return await bench.asks(method, path, form=form, headers=tuple(headers))
    asked = f"{path}?access_token={caller.token}&session_token=x&runner_id=1"
    return await bench.asks(method, asked, json=body, headers=tuple(headers))


def strings(value: Any) -> Iterator[str]:
    """All texts in an answer, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def decoded(body: bytes) -> Any:
    return msgspec.json.decode(body) if body else None
