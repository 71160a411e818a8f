"""The API server's truth in memory: objects, versions, watches and garbage, with the semantics that the core rests on.

Semantics as tried on a real one (Kubernetes: API concepts). What the model leaves out stands in docs/model.md.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from mintmaster.api import kinds
from mintmaster.kube.errors import AlreadyExists, Conflict, Gone, Invalid, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Object: TypeAlias = dict[str, Any]
"""An object as JSON. Never changed in place: a write makes another, so that a snapshot is a shallow copy."""


class Place(NamedTuple):
    """Where an object stands."""

    plural: str
    namespace: str
    name: str


class Change(NamedTuple):
    """One entry of the log that watches read."""

    version: int
    place: Place
    before: Object | None
    after: Object | None


@dataclass(frozen=True)
class Snapshot:
    """The database as it was."""

    objects: Mapping[Place, Object]
    version: int


CUSTOM = frozenset(kind.plural for kind in kinds.ALL_KINDS)
TOKENS = frozenset(kind.plural for kind in kinds.TOKEN_KINDS)
BUMP = 1000
"""By how much versions go on after a restore that is told to."""
FOREGROUND = "foregroundDeletion"


@dataclass
class Database:
    """All objects, and everything that ever happened to them since the last compaction."""

    now: Callable[[], str]
    """The time, in RFC 3339."""
    objects: dict[Place, Object] = field(default_factory=dict)
    version: int = 100
    log: list[Change] = field(default_factory=list)
    compacted: int = 0
    """Watches cannot start from versions up to this one."""
    restores: int = 0
    seen: list[Callable[[Change], None]] = field(default_factory=list)
    """Told of every change as it happens."""
    _uids: int = 0

    # Reading --------------------------------------------------------------------------------------

    def get(self, place: Place) -> Object:
        """The object that stands there; NotFound."""
        found = self.objects.get(place)
        if found is None:
            raise NotFound(404, f"{place} not found", reason="NotFound")
        return found

    def all_of(self, plural: str, namespace: str = "") -> Iterator[Object]:
        """All objects of a resource, in a namespace or everywhere, by name."""
        for place in sorted(self.objects):
            if place.plural == plural and namespace in {"", place.namespace}:
                yield self.objects[place]

    def since(self, version: int, plural: str, namespace: str) -> list[Change]:
        """What a watch from that version has yet to see; Gone where it has been compacted."""
        if version < self.compacted:
            raise Gone(410, "too old resource version", reason="Expired")
        return [
            change
            for change in self.log
            if change.version > version
            and change.place.plural == plural
            and namespace in {"", change.place.namespace}
        ]

    # Writing --------------------------------------------------------------------------------------

    def create(self, place: Place, body: Object) -> Object:
        """Add an object. Raises AlreadyExists."""
        if place in self.objects:
            raise AlreadyExists(409, f"{place} already exists", reason="AlreadyExists")
        made = copy.deepcopy(body)
        self._uids += 1
        made["metadata"] |= {
            "name": place.name,
            "namespace": place.namespace,
            "uid": f"uid-{self._uids}",
            "creationTimestamp": self.now(),
        }
        if place.plural in CUSTOM:
            made["metadata"]["generation"] = 1
            made["status"] = {"observedGeneration": -1, **made.get("status", {})}
        return self._put(place, None, made)

    def patch(self, place: Place, patch: Object, *, subresource: str = "") -> Object:
        """Merge a patch into an object (RFC 7386). Raises NotFound, Conflict, Invalid."""
        before = self.get(place)
        self._check(place, before, patch.get("metadata", {}), patch=True)
        given = {name: value for name, value in patch.items() if name != "metadata"}
        if place.plural in CUSTOM:
            given = {
                name: it for name, it in given.items() if (name == "status") == bool(subresource)
            }
        if before.get("immutable") and merged(before, given) != before:
            raise Invalid(422, "field is immutable when `immutable` is set", reason="Invalid")
        metadata = {
            name: value
            for name, value in patch.get("metadata", {}).items()
            if name in {"labels", "annotations", "ownerReferences"} and not subresource
        }
        after = merged(before, given | ({"metadata": metadata} if metadata else {}))
        if after == before:
            return before
        if place.plural in CUSTOM and after.get("spec") != before.get("spec"):
            after["metadata"]["generation"] += 1
        return self._put(place, before, after)

    def delete(self, place: Place, options: Mapping[str, Any] = {}) -> Object:
        """Delete an object by the rules of its propagation. Raises NotFound, Conflict."""
        before = self.get(place)
        self._check(place, before, options.get("preconditions", {}), patch=False)
        propagation = options.get("propagationPolicy", "Background")
        if propagation == "Background" or place.plural not in CUSTOM:
            self._put(place, before, None)
            return before
        if "deletionTimestamp" in before["metadata"]:
            return before
        after = copy.deepcopy(before)
        finalizer = FOREGROUND if propagation == "Foreground" else "orphan"
        after["metadata"] |= {"deletionTimestamp": self.now(), "finalizers": [finalizer]}
        after["metadata"]["generation"] += 1
        return self._put(place, before, after)

    def _check(
        self, place: Place, present: Object, guards: Mapping[str, Any], *, patch: bool
    ) -> None:
        meta = present["metadata"]
        version, uid = guards.get("resourceVersion"), guards.get("uid")
        if version is not None and version != meta["resourceVersion"]:
            raise Conflict(409, f"{place}: the object has been modified", reason="Conflict")
        if uid is not None and uid != meta["uid"]:
            if not patch:
                raise Conflict(409, f"{place}: another UID", reason="Conflict")
            raise Invalid(422, f"{place}: metadata.uid: field is immutable", reason="Invalid")

    def _put(self, place: Place, before: Object | None, after: Object | None) -> Object:
        self.version += 1
        if after is None:
            del self.objects[place]
        else:
            after["metadata"]["resourceVersion"] = str(self.version)
            self.objects[place] = after
        change = Change(self.version, place, before, after)
        self.log.append(change)
        for see in self.seen:
            see(change)
        return after or before or {}

    # What a cluster does by itself ----------------------------------------------------------------

    def collect(self) -> bool:
        """One step of the garbage collector; whether there was one to do."""
        for place in sorted(self.objects):
            found = self.objects[place]
            if self._finalized(place, found) or self._owner_is_gone(place, found):
                return True
        return False

    def _finalized(self, place: Place, found: Object) -> bool:
        finalizers = found["metadata"].get("finalizers")
        if not finalizers:
            return False
        for dependent in sorted(self.objects):
            owners = self.objects[dependent]["metadata"].get("ownerReferences", [])
            left = [it for it in owners if it["uid"] != found["metadata"]["uid"]]
            if left != owners:
                if finalizers == [FOREGROUND] and not left:
                    self._put(dependent, self.objects[dependent], None)
                else:
                    self.patch(dependent, {"metadata": {"ownerReferences": left}})
                return True
        self._put(place, found, None)
        return True

    def _owner_is_gone(self, place: Place, found: Object) -> bool:
        owners = found["metadata"].get("ownerReferences", [])
        if not owners:
            return False
        living = {it["metadata"]["uid"] for it in self.objects.values()}
        left = [owner for owner in owners if owner["uid"] in living]
        if left == owners:
            return False
        if left:
            self.patch(place, {"metadata": {"ownerReferences": left}})
        else:
            self._put(place, found, None)
        return True

    # What administrators do to it -----------------------------------------------------------------

    def compact(self) -> None:
        """Forget what happened: a watch that is behind is told 410."""
        self.compacted = self.version

    def snapshot(self) -> Snapshot:
        """Take a backup."""
        return Snapshot(dict(self.objects), self.version)

    def restore(self, snapshot: Snapshot, *, bumped: bool) -> None:
        """Put a backup in the place of everything; UIDs are never used again.

        Versions go back, unless it is done as etcd's manual says (`--bump-revision --mark-compacted`).
        """
        self.restores += 1
        self.objects = dict(snapshot.objects)
        if bumped:
            self.version += BUMP
            self.compacted = self.version
        else:
            self.version = snapshot.version
            self.log = [change for change in self.log if change.version <= self.version]
            self.compacted = min(self.compacted, self.version)


def merged(target: Any, patch: Any) -> Any:
    """A JSON merge patch applied (RFC 7386); the target stays as it is."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = copy.deepcopy(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
