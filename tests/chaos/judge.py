"""The judge of a run: the invariants, from what the API server has, what gates say, and what was wished for.

It shares no code with the product. docs/chaos.md has the rules in words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chaos import counting, reading, timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chaos.record import Final, Object, Record

CLOCK = 3.0
"""Seconds around the end of a token within which either answer is right: clocks are read one after the other."""

ORPHANING = frozenset({"delete Orphan", "secret-orphaned", "secret restored"})
"""Wishes and deeds that leave a Secret to itself should its resource go."""

LABEL_MANAGER = "app.kubernetes.io/managed-by"


@dataclass
class Verdict:
    """What became of one invariant."""

    invariant: str
    broken: list[str] = field(default_factory=list)
    """How, in sentences; empty where it held."""

    @property
    def held(self) -> bool:
        return not self.broken


def judge(record: Record) -> list[Verdict]:
    """Judge a run that has come to rest."""
    assert record.final is not None
    return [Verdict(name, list(rule(record, record.final))) for name, rule in RULES.items()]


def standing(record: Record, final: Final) -> list[str]:
    """What keeps the resources from being as they should: the part of the verdict that needs no gates."""
    rules = (one_current_token, wishes_fulfilled, secrets_owned)
    return [text for rule in rules for text in rule(record, final)]


def one_current_token(record: Record, final: Final) -> Iterator[str]:
    """Each live resource has one current token: the newest of its status, in its Secret, and it verifies."""
    secrets = {reading.where(item): item for item in final.secrets}
    keys = _keys(final)
    ids: set[str] = set()
    for resource in _live(final):
        name = reading.title(resource)
        records = reading.recorded(resource)
        if _wants_anothers(resource, record):
            if records or (resource.get("status") or {}).get("revision"):
                yield f"{name} has a token although its Secret is somebody else's"
            continue
        revisions = [it["revision"] for it in records]
        if len(set(revisions)) != len(revisions):
            yield f"{name}: the status names one revision twice"
        for it in records:
            if it["id"] in ids:
                yield f"{name}: the id {it['id']} is named twice"
            ids.add(it["id"])
        revision = (resource.get("status") or {}).get("revision")
        current = next((it for it in records if it["revision"] == revision), None)
        if current is None:
            yield f"{name} has no token on record"
            continue
        if reading.end(current) <= final.world:
            yield f"{name}: the current token has ended"
        due = reading.instant(current["issuedAt"]) + reading.longest_interval(resource)
        if due + CLOCK < final.world:
            yield f"{name}: the renewal is overdue"
        secret = secrets.get(f"{resource['metadata']['namespace']}/{reading.secret_name(resource)}")
        yield from _delivered(resource, current, secret, keys, final.world)


def _delivered(
    resource: Object, current: Object, secret: Object | None, keys: list[Object], world: float
) -> Iterator[str]:
    """The Secret holds the current token, and it says what it should."""
    name = reading.title(resource)
    if secret is None:
        yield f"{name}: its Secret is not there"
        return
    token = reading.token_in(resource, secret)
    if reading.digest(token) != current["digest"]:
        yield f"{name}: the Secret does not hold the newest token on record"
        return
    if strange := reading.strange_keys(resource, secret):
        yield f"{name}: the Secret has the keys {', '.join(strange)}, too"
    previous = reading.previous_token_in(resource, secret)
    if previous and reading.ends(resource).get(reading.digest(previous), 0.0) + CLOCK < world:
        yield f"{name}: the Secret shows a previous token whose overlap is over"
    if not reading.is_jwt(token):
        return
    found = reading.claims(token, keys)
    if isinstance(found, str):
        yield f"{name}: {found}"
        return
    private = found.get(reading.GROUP) or {}
    said = (found.get("jti"), private.get("uid"), private.get("revision"))
    if said != (current["id"], resource["metadata"]["uid"], current["revision"]):
        yield f"{name}: the token says {said}"
    if not found.get("iat", 0) - 60 <= world < found.get("exp", 0):
        yield f"{name}: the token is outside its time"
    if sorted(str(found.get("scope", "")).split()) != sorted(resource["spec"].get("scopes") or []):
        yield f"{name}: the token has the scopes {found.get('scope')!r}"


def wishes_fulfilled(record: Record, final: Final) -> Iterator[str]:
    """What was asked for last is what there is."""
    for resource in final.resources:
        if reading.is_gone(resource):
            yield f"{reading.title(resource)} is being deleted still"
            continue
        yield from _fulfilled(record, resource)


def _fulfilled(record: Record, resource: Object) -> Iterator[str]:
    name, status = reading.title(resource), resource.get("status") or {}
    if status.get("observedGeneration") != resource["metadata"]["generation"]:
        yield f"{name}: the last edit was not seen"
    if status.get("uid") != resource["metadata"]["uid"]:
        yield f"{name}: the status is of another life"
    ready = reading.condition(resource, "Ready")
    if reading.is_revoked(resource):
        if reading.recorded(resource) or status.get("state") != "Revoked":
            yield f"{name} is revoked, and its status says {status.get('state')}"
    elif _wants_anothers(resource, record):
        if ready.get("reason") != "SecretConflict":
            yield f"{name}: no SecretConflict but {ready.get('reason')}"
    else:
        if ready.get("status") != "True":
            yield f"{name} is not ready: {ready.get('reason')}: {ready.get('message')}"
        yield from _as_specified(resource)


def _as_specified(resource: Object) -> Iterator[str]:
    """The current token has rights and lifetime of the spec."""
    revision = (resource.get("status") or {}).get("revision")
    current = next((it for it in reading.recorded(resource) if it["revision"] == revision), None)
    if current is None:
        return
    name, token = reading.title(resource), reading.schedule(resource)
    asked = reading.annotation(resource, f"{reading.GROUP}/rotate")
    if asked is not None and resource["status"].get("lastRotateRequest") != asked:
        yield f"{name}: a rotation was asked for and not had"
    wanted = sorted(resource["spec"].get("scopes") or [])
    if (
        not resource["spec"].get("roles")
        and sorted(current["rights"].get("scopes") or []) != wanted
    ):
        yield f"{name}: the scopes on record are not those of the spec"
    if "lifetime" in token:
        lives = reading.instant(current["expiresAt"]) - reading.instant(current["issuedAt"])
        if lives != reading.seconds(token["lifetime"]):
            yield f"{name}: the token lives {lives:.0f} s"
    opaque = reading.is_application(resource) or token.get("format") == "Opaque"
    if opaque is bool(current.get("keyID")):
        yield f"{name}: the token has another format"


def secrets_owned(record: Record, final: Final) -> Iterator[str]:
    """No Secret of ours is left without its live owner, and each says whose it is."""
    live = {item["metadata"]["uid"]: item for item in final.resources}
    for secret in final.secrets:
        name = reading.where(secret)
        if reading.label(secret, LABEL_MANAGER) != "mintmaster":
            continue
        if reading.label(secret, f"{reading.GROUP}/kind") == "TokenIssuer":
            continue
        owner = live.get(reading.label(secret, f"{reading.GROUP}/uid"))
        controllers = [
            it["uid"]
            for it in secret["metadata"].get("ownerReferences") or []
            if it.get("controller")
        ]
        if owner is None:
            if controllers or not _was_orphaned(record, secret):
                yield f"Secret {name} belongs to nobody who lives"
            continue
        if reading.is_revoked(owner):
            yield f"Secret {name} is left of a revoked resource"
        if controllers != [owner["metadata"]["uid"]]:
            yield f"Secret {name} is controlled by {controllers}"


def others_untouched(record: Record, final: Final) -> Iterator[str]:
    """Secrets of others are as they were."""
    now = {reading.where(it): it["metadata"]["resourceVersion"] for it in final.secrets}
    for name, version in record.foreign.items():
        if now.get(name) != version:
            yield f"Secret {name} of somebody else was at version {version}, now {now.get(name)}"


def nothing_active_that_should_not(record: Record, final: Final) -> Iterator[str]:
    """At rest, no gate calls a token active that is superseded, revoked, deleted, expired, or was never recorded."""
    ends = _active_ends(final)
    for answer in final.answers:
        if answer.active and ends.get(answer.digest, 0.0) + CLOCK < answer.world:
            yield f"{answer.gate} calls {answer.digest[:8]} active, which {_story(record, answer.digest)}"


def nothing_inactive_that_should_not(record: Record, final: Final) -> Iterator[str]:
    """At rest, every gate answers, and calls every token active that is recorded and inside its time."""
    ends = _active_ends(final)
    for answer in final.answers:
        if answer.active is None:
            yield f"{answer.gate} does not answer at rest but says {answer.status}"
        elif not answer.active and ends.get(answer.digest, 0.0) - CLOCK > answer.world:
            yield f"{answer.gate} calls {answer.digest[:8]} inactive, which is on record"


def comes_to_rest(record: Record, final: Final) -> Iterator[str]:
    """Once the faults are over everything comes to rest, and then nothing is written."""
    if final.unrest:
        yield final.unrest
    for write in final.writes:
        yield f"written at rest: {write}"


def nothing_leaks_or_fails(record: Record, final: Final) -> Iterator[str]:
    """No token stands in a log or a status, and no process met a defect."""
    yield from record.complaints
    said = str([final.resources, final.issuers])
    for digest, token in record.tokens.items():
        if token in said:
            yield f"the token {digest[:8]} stands in a resource"


RULES: dict[str, Callable[[Record, Final], Iterator[str]]] = {
    "one current token per live resource": one_current_token,
    "what was asked for last is there": wishes_fulfilled,
    "nothing active that should not be": nothing_active_that_should_not,
    "nothing inactive that should be active": nothing_inactive_that_should_not,
    "no gate late or ignorant during the run": timeline.gates_in_time,
    "no refusal for want of knowledge": timeline.gates_never_refuse,
    "no Secret without its owner": secrets_owned,
    "no Secret of others touched": others_untouched,
    "as many issues as asked for": counting.issues_asked_for,
    "rest without writes": comes_to_rest,
    "no token leaked, no defect logged": nothing_leaks_or_fails,
}


def _was_orphaned(record: Record, secret: Object) -> bool:
    """Whether the rig itself had the owner taken off, or restored the Secret without one: then it may stay."""
    uid = reading.label(secret, f"{reading.GROUP}/uid")
    return any(
        wish.uid == uid and wish.what in ORPHANING and not wish.refused for wish in record.wishes
    )


def _live(final: Final) -> Iterator[Object]:
    for resource in final.resources:
        if not reading.is_gone(resource) and not reading.is_revoked(resource):
            yield resource


def _wants_anothers(resource: Object, record: Record) -> bool:
    wanted = f"{resource['metadata']['namespace']}/{reading.secret_name(resource)}"
    return wanted in record.foreign


def _keys(final: Final) -> list[Object]:
    published = [key for it in final.issuers for key in (it.get("status") or {}).get("keys") or []]
    return [dict(key["publicJwk"], kid=key["id"]) for key in published]


def _active_ends(final: Final) -> dict[str, float]:
    """The tokens that are to be active, and until when."""
    return {
        digest: end
        for resource in _live(final)
        if not reading.is_application(resource)
        for digest, end in reading.ends(resource).items()
    }


def _story(record: Record, digest: str) -> str:
    """What is known of a token that should not be active."""
    holders = {state.name for state in record.states if digest in state.ends}
    return f"was of {', '.join(sorted(holders))}" if holders else "was never on record"
