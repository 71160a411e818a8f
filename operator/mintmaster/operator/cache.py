"""What the operator knows of the cluster, packed small, and never behind its own writes (I7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from mintmaster.kube.versions import is_older

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mintmaster.api.meta import ObjectMeta
    from mintmaster.operator.queue import Key

PIN_SECONDS = 30.0
"""How long an own write outranks older events and lists. A watch that is further behind is broken; and versions that
go backwards, as after a restore of etcd, end all pins at once when they are noticed (`unpin`), or by this time."""

T = TypeVar("T")


class _Entry:
    """One object: packed, with what is asked for without unpacking."""

    __slots__ = ("group", "packed", "pinned_until", "uid", "version")

    def __init__(self, packed: bytes, uid: str, version: str, group: str) -> None:
        self.packed = packed
        self.uid = uid
        self.version = version
        self.group = group
        self.pinned_until = 0.0


class Cache(Generic[T]):
    """The last known object of each key, kept as MessagePack: about a third of the size of the live object.

    `metadata` finds an object's metadata; `group` puts an object into a group that `keys_of` lists.
    """

    def __init__(
        self,
        type_: type[T],
        *,
        metadata: Callable[[T], ObjectMeta],
        group: Callable[[T], str],
        monotonic: Callable[[], float],
    ) -> None:
        self._decoder = msgspec.msgpack.Decoder(type_)
        self._encode = msgspec.msgpack.Encoder().encode
        self._metadata = metadata
        self._group = group
        self._monotonic = monotonic
        self._entries: dict[Key, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[Key]:
        return iter(list(self._entries))

    def get(self, key: Key) -> T | None:
        """The object as last seen or written."""
        entry = self._entries.get(key)
        return self._decoder.decode(entry.packed) if entry is not None else None

    def uid_of(self, key: Key) -> str | None:
        """The UID of the object, without unpacking it."""
        entry = self._entries.get(key)
        return entry.uid if entry is not None else None

    def version_of(self, key: Key) -> tuple[str, str] | None:
        """The UID and the resourceVersion of the object, without unpacking it."""
        entry = self._entries.get(key)
        return (entry.uid, entry.version) if entry is not None else None

    def keys_of(self, group: str) -> list[Key]:
        """All keys whose object belongs to a group."""
        return [key for key, entry in self._entries.items() if entry.group == group]

    def observe(self, key: Key, value: T) -> bool:
        """Take in what a watch or a list showed; whether it is news.

        A list may have been read before an own write and be handed over after it, like an event that comes late.
        """
        meta, entry = self._metadata(value), self._entries.get(key)
        if entry is not None and entry.uid == meta.uid:
            if entry.version == meta.resource_version:
                return False
            if self._outranked(entry, meta.resource_version):
                return False
        self._store(key, value, meta)
        return True

    def read(self, key: Key, value: T) -> bool:
        """Take in what the API server answered just now, which ends the pin; whether it is news."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.pinned_until = 0.0
        return self.observe(key, value)

    def wrote(self, key: Key, value: T) -> None:
        """Take in the answer to an own write, and pin it."""
        self._store(key, value, self._metadata(value))
        self._entries[key].pinned_until = self._monotonic() + PIN_SECONDS

    def drop_unlisted(self, key: Key, list_version: str) -> bool:
        """Forget an object that a complete list does not name, unless an own write is newer than that list."""
        entry = self._entries.get(key)
        if entry is None or self._outranked(entry, list_version):
            return False
        del self._entries[key]
        return True

    def unpin(self) -> None:
        """Let any watch event replace what was written: versions have gone back."""
        for entry in self._entries.values():
            entry.pinned_until = 0.0

    def drop(self, key: Key, uid: str | None = None) -> bool:
        """Forget an object, if it is still that life of it; whether it was there."""
        entry = self._entries.get(key)
        if entry is None or (uid and entry.uid != uid):
            return False
        del self._entries[key]
        return True

    def _store(self, key: Key, value: T, meta: ObjectMeta) -> None:
        self._entries[key] = _Entry(
            self._encode(value), meta.uid, meta.resource_version, self._group(value)
        )

    def _outranked(self, entry: _Entry, version: str) -> bool:
        """Whether an event or a list is older than an own write that is still pinned."""
        if self._monotonic() >= entry.pinned_until:
            return False
        return is_older(version, entry.version)
