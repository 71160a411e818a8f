"""What the decisions know of a Secret: digests of its values, never the values themselves.

A `SecretView` is small enough to be kept for every Secret. When a decision needs the plain content (to render
templates anew, to check a signature), the caller reads the Secret and adds a `Reading`.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from mintmaster.api import names
from mintmaster.api.meta import ObjectMeta
from mintmaster.tokens.digests import digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mintmaster.api.meta import OwnerReference

MAX_DIGESTED_TOKEN_BYTES = 8192
"""A value longer than any token of ours is not taken for one (the longest JWT has 4096 bytes)."""

MAX_REVISION_DIGITS = 19
"""The annotation can be edited by hand; no revision comes near what a signed 64-bit integer holds."""


class SecretView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One Secret as the cache holds it."""

    metadata: ObjectMeta
    type: str = "Opaque"
    immutable: bool = False
    value_digests: dict[str, str] = {}
    """Key of the Secret to the digest of its value (as the status records the digests of tokens)."""
    data_digest: str = ""
    """Digest of all keys and values, comparable with the annotation `mintmaster.dev/digest`."""

    @property
    def controller(self) -> OwnerReference | None:
        """The controlling owner, if there is one."""
        return next((owner for owner in self.metadata.owner_references if owner.controller), None)

    @property
    def is_marked(self) -> bool:
        """Whether it carries our label; says nothing about which resource it belongs to."""
        return self.metadata.labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY

    @property
    def revision(self) -> int:
        """The revision of the token that was written, as the annotation says; 0 where it says none."""
        text = self.metadata.annotations.get(names.ANNOTATION_REVISION, "")
        is_number = text.isascii() and text.isdecimal() and len(text) < MAX_REVISION_DIGITS
        return int(text) if is_number else 0

    @property
    def untouched(self) -> bool:
        """Whether its data is what was written with the annotation that stands on it."""
        return self.metadata.annotations.get(names.ANNOTATION_DIGEST) == self.data_digest


@dataclass(frozen=True, slots=True)
class Reading:
    """The plain content of a Secret, read for one decision and dropped with it."""

    view: SecretView
    data: Mapping[str, bytes] = field(repr=False)
    signature_holds: bool = True
    """Whether what lies under the token key, if it is a JWT, carries a signature of its issuer."""


def digest_of_data(data: Mapping[str, bytes]) -> str:
    """Digest of all keys and values of a Secret (43 characters, base64url of SHA-256).

    Every key and value is preceded by its length, so that no two contents share one encoding.
    """
    state = hashlib.sha256()
    for key in sorted(data):
        for part in (key.encode(), data[key]):
            state.update(len(part).to_bytes(8))
            state.update(part)
    return base64.urlsafe_b64encode(state.digest()).rstrip(b"=").decode("ascii")


def view_of(
    metadata: ObjectMeta,
    data: Mapping[str, bytes],
    *,
    type_: str = "Opaque",
    immutable: bool = False,
) -> SecretView:
    """Reduce a Secret to what decisions need."""
    return SecretView(
        metadata=metadata,
        type=type_,
        immutable=immutable,
        value_digests={key: _digest_of_value(value) for key, value in data.items()},
        data_digest=digest_of_data(data),
    )


def _digest_of_value(value: bytes) -> str:
    if len(value) > MAX_DIGESTED_TOKEN_BYTES or not value.isascii():
        return ""
    return digest(value.decode("ascii"))
