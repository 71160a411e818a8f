"""What must never be, judged from the API server's truth: JSON, hashes and a clock, and no code of the product."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.database import Change, Object
    from model.processes import Gate, Moment
    from model.wire import Request, Wire

TEAM = "team"
TOKENS = "useraccesstokens"
UID_LABEL = "mintmaster.dev/uid"


@dataclass(frozen=True)
class Delivered:
    """A token that stood in a Secret."""

    text: str = field(repr=False)
    digest: str
    jti: str
    key: str


@dataclass
class Judge:
    """Looks at every change as it happens, and at everything when all is at rest."""

    wire: Wire
    moment: Moment
    delivered: dict[str, Delivered] = field(default_factory=dict)
    """By digest."""
    names: dict[str, str] = field(default_factory=dict)
    """`jti` to digest, of all tokens that were ever delivered or recorded."""
    recorded: set[str] = field(default_factory=set)
    """The `jti` of all tokens that were ever on record."""
    foreign: set[str] = field(default_factory=set)
    """UIDs of Secrets that are nobody's business here."""
    causes: int = 0
    """How many issues there may have been at most."""

    def __post_init__(self) -> None:
        self.database = self.wire.database
        self.database.seen.append(self.saw)
        self.wire.sent = self.sent

    # Each change ----------------------------------------------------------------------------------

    def sent(self, request: Request) -> None:
        """Every write of ours names what it was decided on, so that nothing else is changed."""
        if request.method == "POST":
            return
        deletes = request.method == "DELETE"
        guards = request.body.get("preconditions" if deletes else "metadata", {})
        assert guards.get("resourceVersion"), f"{request} is not guarded"
        if request.place.plural == "secrets":
            assert guards.get("uid"), f"{request} is not guarded by the UID"

    def saw(self, change: Change) -> None:
        writer = self.wire.writer
        if change.place.plural == "secrets" and change.place.namespace == TEAM:
            self._saw_secret(change, writer)
        elif change.place.plural == TOKENS and change.after is not None:
            self._saw_token(change.before, change.after)

    def _saw_secret(self, change: Change, writer: Request | None) -> None:
        if writer is not None and change.before is not None:
            touched = change.before["metadata"]["uid"]
            assert touched not in self.foreign, f"{writer} touches somebody else's Secret"
        token = value(change.after, "token")
        if writer is not None and token:
            self._deliver(token)

    def _deliver(self, token: str) -> None:
        head, body, _ = token.split(".")
        claims, header = part(body), part(head)
        found = Delivered(token, digest(token), claims["jti"], header["kid"])
        self._name(found.jti, found.digest)
        self.delivered.setdefault(found.digest, found)

    def _name(self, jti: str, digest_: str) -> None:
        assert self.names.setdefault(jti, digest_) == digest_, f"two tokens are named {jti}"

    def _saw_token(self, before: Object | None, after: Object) -> None:
        status, former = after["status"], before["status"] if before else {}
        known = {record["id"] for record in former.get("tokens", [])}
        fresh = [it for it in status.get("tokens", []) if it["id"] not in known]
        if status.get("uid") != after["metadata"]["uid"]:
            return
        if former.get("uid") == status["uid"]:
            assert status.get("revision", 0) >= former.get("revision", 0), "a revision went back"
        assert len(status.get("tokens", [])) <= 8
        assert len(fresh) <= 1, "two tokens were recorded at once"
        for record in fresh:
            assert before is not None
            self._recorded(record, before, after)

    def _recorded(self, record: Object, before: Object, after: Object) -> None:
        """A token becomes active."""
        jti, spec = record["id"], before["spec"]
        assert jti not in self.recorded, f"{jti} was recorded before"
        self.recorded.add(jti)
        self._name(jti, record["digest"])
        assert record["digest"] in self.delivered, f"{jti} was never delivered"
        assert jti.startswith(f"{after['metadata']['uid']}."), f"{jti} is of another life"
        assert "deletionTimestamp" not in before["metadata"], f"{jti} is of a dying resource"
        assert not spec.get("revoked"), f"{jti} was issued after a revocation"
        assert not spec.get("suspend"), f"{jti} was issued in spite of a pause"
        assert set(record["rights"].get("scopes", [])) == set(spec["scopes"]), f"rights of {jti}"
        end = self.moment.now() + length(spec["token"]["overlap"])
        for other in after["status"]["tokens"]:
            if other is not record and other["id"] != jti:
                assert instant(other["validUntil"]) <= end, "a superseded token lives on"
                assert scopes(other) <= set(spec["scopes"]), "an overlap in spite of fewer rights"

    # What is active -------------------------------------------------------------------------------

    def resources(self) -> Iterator[Object]:
        return self.database.all_of(TOKENS, TEAM)

    @property
    def issuer(self) -> Object | None:
        return next(self.database.all_of("tokenissuers"), None)

    @property
    def budget(self) -> int:
        assert self.issuer is not None
        limit: int = self.issuer["spec"]["limits"]["issuesPerHour"]
        return limit

    @property
    def granted(self) -> set[str]:
        assert self.issuer is not None
        return {scope for grant in self.issuer["spec"]["grants"] for scope in grant["scopes"]}

    def is_granted(self, names: set[str]) -> bool:
        return "*" in self.granted or names <= self.granted

    def counts(self, record: Object, resource: Object) -> bool:
        """Whether a record makes its token active."""
        now, issuer = self.moment.now(), self.issuer
        if issuer is None or resource["status"].get("uid") != resource["metadata"]["uid"]:
            return False
        if "deletionTimestamp" in resource["metadata"] or resource["spec"].get("revoked"):
            return False
        if now >= instant(record["validUntil"]) or now >= instant(record["expiresAt"]):
            return False
        not_before = issuer["spec"].get("notBefore")
        if not_before and instant(record["issuedAt"]) < instant(not_before):
            return False
        return self._is_published(record["keyID"]) and self.is_granted(scopes(record))

    def _is_published(self, key: str) -> bool:
        assert self.issuer is not None
        if key in self.issuer["spec"].get("withdrawnKeys", []):
            return False
        keys = {it["id"]: it for it in self.issuer["status"].get("keys", [])}
        found = keys.get(key)
        if found is None or found["state"] == "Withdrawn":
            return False
        retired = found["state"] == "Retired"
        return not retired or self.moment.now() < instant(found["retireAt"])

    def active(self) -> set[str]:
        """The digests of all tokens that are active by the truth."""
        return {
            record["digest"]
            for resource in self.resources()
            for record in resource["status"].get("tokens", [])
            if self.counts(record, resource)
        }

    def judge_gate(self, gate: Gate, *, caught_up: bool) -> None:
        """Nothing is active that never was on record; one that has seen everything knows exactly what is."""
        active = self.active()
        for token in self.delivered.values():
            is_active = gate.is_active(token.text)
            assert not is_active or token.jti in self.recorded, f"{token} was never on record"
            if caught_up:
                assert is_active == (token.digest in active), f"{token} is active: {is_active}"

    # At rest --------------------------------------------------------------------------------------

    def judge_rest(self) -> None:
        """Everything is where it should be once nobody has anything left to do."""
        assert len(self.recorded) <= self.causes, (
            f"{len(self.recorded)} issues, {self.causes} causes"
        )
        living = {it["metadata"]["uid"] for it in self.resources()}
        for resource in self.resources():
            self._judge_resource(resource)
        for found in self.database.all_of("secrets", TEAM):
            owners = {it["uid"] for it in found["metadata"].get("ownerReferences", [])}
            assert owners <= living, "a Secret outlives its owner"

    def _judge_resource(self, resource: Object) -> None:
        meta, spec, status = resource["metadata"], resource["spec"], resource["status"]
        what = f"{meta['name']} ({meta['uid']}): {json.dumps(status)}"
        assert "deletionTimestamp" not in meta, what
        assert status["observedGeneration"] == meta["generation"], what
        assert status["uid"] == meta["uid"], what
        ready = next((it for it in status["conditions"] if it["type"] == "Ready"), None)
        found = self.secret_of(resource)
        if spec.get("revoked"):
            assert ready is None, what
            assert not status.get("tokens"), what
            assert not is_ours(found, resource), "the Secret of a revoked resource stands"
            return
        assert ready is not None, what
        for record in status.get("tokens", []):
            if self.counts(record, resource):
                assert scopes(record) <= set(spec["scopes"]), f"more than is wanted: {what}"
        if ready["status"] == "True":
            self._judge_ready(resource, what)
        else:
            assert ready["reason"] in self._excuses(resource), what

    def _judge_ready(self, resource: Object, what: str) -> None:
        spec, status, found = resource["spec"], resource["status"], self.secret_of(resource)
        current = [it for it in status["tokens"] if it["revision"] == status["revision"]]
        assert len(current) == 1, what
        token = value(found, "token")
        assert found is not None, what
        assert token is not None, what
        assert digest(token) == current[0]["digest"], f"the Secret holds another token: {what}"
        assert self.delivered[digest(token)].text == token, f"the signature was changed: {what}"
        assert self.counts(current[0], resource), f"the current token is inactive: {what}"
        if "Suspended" not in self._excuses(resource):
            assert scopes(current[0]) == set(spec["scopes"]), what
        assert found["metadata"]["labels"][UID_LABEL] == resource["metadata"]["uid"], what
        owners = [it["uid"] for it in found["metadata"].get("ownerReferences", [])]
        assert owners == [resource["metadata"]["uid"]], what
        assert not found.get("immutable"), what

    def _excuses(self, resource: Object) -> set[str]:
        """The reasons for which a resource may rightly not be ready."""
        spec, found = resource["spec"], self.secret_of(resource)
        excuses = set()
        if spec.get("suspend"):
            excuses |= {"Suspended", "SecretMissing", "SecretEdited"}
        if not self.is_granted(set(spec["scopes"])):
            excuses.add("NotGranted")
        if found is not None and not is_ours(found, resource):
            excuses.add("SecretConflict")
        if len(resource["status"].get("recentIssues", [])) >= self.budget:
            excuses.add("TooManyIssues")
        if self.wire.database.restores:
            # A leader that had not noticed may have carried out a withdrawal that the backup knows nothing of.
            excuses.add("KeysLost")
        live = [it for it in resource["status"].get("tokens", []) if self.counts(it, resource)]
        if len(live) >= 6:
            excuses.add("TooManyTokens")
        # What stood in the way of a renewal is told by another condition.
        return excuses | {"Expired"} if excuses else excuses

    def secret_of(self, resource: Object) -> Object | None:
        name = resource["spec"]["secret"]["name"]
        return next(
            (it for it in self.database.all_of("secrets", TEAM) if it["metadata"]["name"] == name),
            None,
        )


def is_ours(found: Object | None, resource: Object) -> bool:
    """Whether a Secret is a resource's by its labels or its owner."""
    if found is None:
        return False
    meta, uid = found["metadata"], resource["metadata"]["uid"]
    return meta.get("labels", {}).get(UID_LABEL) == uid or any(
        owner["uid"] == uid for owner in meta.get("ownerReferences", [])
    )


def value(found: Object | None, key: str) -> str | None:
    """The text under a key of a Secret."""
    text = (found or {}).get("data", {}).get(key)
    return base64.b64decode(text).decode() if text is not None else None


def digest(token: str) -> str:
    """SHA-256 of the signing input, as the contract of the status says."""
    hashed = hashlib.sha256(token.rpartition(".")[0].encode()).digest()
    return base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()


def part(encoded: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))


def scopes(record: Object) -> set[str]:
    return set(record["rights"].get("scopes", []))


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def length(text: str) -> timedelta:
    """A duration of one unit, as the model's specs name them."""
    unit = {"s": "seconds", "m": "minutes", "h": "hours"}[text[-1]]
    return timedelta(**{unit: int(text[:-1])})
