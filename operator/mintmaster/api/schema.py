"""The terms in which a model states its schema: constraints, list types and CEL rules.

They are written into the CRDs and enforced by the API server. Reading does not check them again: an
object that was stored before a constraint existed must still be read.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Final, TypedDict, Unpack

import msgspec

from mintmaster.api.durations import DURATION_PATTERN, MAX_DURATION_LENGTH
from mintmaster.api.names import MAX_NAME_LENGTH


@dataclass(frozen=True, slots=True)
class Rule:
    """A CEL rule of a CRD, with the message that people see when they break it.

    `field_path` (as `.token.lifetime`) points a rule on a whole object to the field to correct.
    """

    rule: str
    message: str
    field_path: str = ""

    def to_schema(self) -> dict[str, str]:
        """Return the rule as an item of `RULES_KEYWORD`."""
        item = {"rule": self.rule, "message": self.message}
        return {**item, "fieldPath": self.field_path} if self.field_path else item


class Model(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, gc=False
):
    """Base of all models: immutable, camelCase in JSON, unknown fields ignored.

    Without garbage collection's bookkeeping: models are trees of immutable values, never cycles.
    """

    RULES: ClassVar[tuple[Rule, ...]] = ()
    """Rules on objects of this type, wherever they stand."""


class Keywords(TypedDict, total=False):
    """Schema keywords beside type, default and description, which the annotation itself gives."""

    pattern: str
    min_length: int
    max_length: int
    minimum: int
    maximum: int
    min_items: int
    max_items: int
    max_properties: int
    list_type: str
    list_map_keys: tuple[str, ...]
    map_type: str
    rules: tuple[Rule, ...]


RULES_KEYWORD: Final = "x-kubernetes-validations"

_SPELLING: Final = {
    "pattern": "pattern",
    "min_length": "minLength",
    "max_length": "maxLength",
    "minimum": "minimum",
    "maximum": "maximum",
    "min_items": "minItems",
    "max_items": "maxItems",
    "max_properties": "maxProperties",
    "list_type": "x-kubernetes-list-type",
    "list_map_keys": "x-kubernetes-list-map-keys",
    "map_type": "x-kubernetes-map-type",
}


def described(
    description: str | None = None, *, defaulted: bool = True, **keywords: Unpack[Keywords]
) -> msgspec.Meta:
    """Return the annotation of a field: what `kubectl explain` says, and what the CRD demands.

    A field that is not `defaulted` stays absent in the API server, so that rules can tell.
    """
    rules = [rule.to_schema() for rule in keywords.pop("rules", ())]
    schema: dict[str, object] = {_SPELLING[name]: value for name, value in keywords.items()}
    if rules:
        schema[RULES_KEYWORD] = rules
    return msgspec.Meta(
        description=description, extra_json_schema=schema, extra={"defaulted": defaulted}
    )


def unique(name: str, description: str, *, max_items: int, min_items: int = 0) -> msgspec.Meta:
    """Return the annotation of a list without duplicates, which is replaced as a whole.

    Atomic rather than `x-kubernetes-list-type: set`: the entries of a set are merged, so that one
    removed in Git might stay.
    """
    rule = Rule(
        "self.all(x, self.exists_one(y, y == x))", f"{name} must not contain the same entry twice"
    )
    bounds: Keywords = {"max_items": max_items, "list_type": "atomic", "rules": (rule,)}
    if min_items:
        bounds["min_items"] = min_items
    return described(description, **bounds)


def unique_names(name: str) -> Rule:
    """Return the rule that no two items of a list of objects share their field `name`."""
    return Rule(
        "self.all(x, self.exists_one(y, y.name == x.name))",
        f"{name} must not contain the same name twice",
    )


def nested_set(description: str, *, max_items: int) -> msgspec.Meta:
    """Return the annotation of a list without duplicates inside of a list that is atomic itself.

    The outer list is replaced as a whole, so nothing is merged here, and `set` costs no CEL.
    """
    return described(description, max_items=max_items, list_type="set")


def is_duration(path: str) -> str:
    """Return the CEL condition under which `duration(path)` can be evaluated."""
    return f"(size({path}) > 1 && {path}.matches('{DURATION_PATTERN}'))"


def unchanged(path: str, message: str) -> Rule:
    """Return the rule that a field that always has a value cannot be changed."""
    return Rule(f"self.{path} == oldSelf.{path}", message, f".{path}")


def duration(name: str, description: str, *, at_least: str | None = None) -> msgspec.Meta:
    """Return the annotation of a duration, such as `1h30m`, with a lower bound."""
    # `format: duration` would accept `1 day` and `P1D`; duration() alone fails unreadably.
    bound = Rule(
        f"{is_duration('self')} ? duration(self) >= duration('{at_least}') : false",
        f"{name} must be a duration of at least {at_least}, such as 90s, 45m, 12h or 1h30m",
    )
    return described(
        description,
        pattern=DURATION_PATTERN,
        min_length=2,
        max_length=MAX_DURATION_LENGTH,
        rules=(bound,) if at_least else (),
    )


NAME_RULE: Final = Rule(
    f"size(self.metadata.name) <= {MAX_NAME_LENGTH}",
    f"metadata.name must have at most {MAX_NAME_LENGTH} characters: it is a label of the Secret",
)

DNS_LABEL: Final = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_SUBDOMAIN: Final = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"

DIGEST_PATTERN: Final = "^[A-Za-z0-9_-]{43}$"
"""A SHA-256 in base64url without padding."""

# One dot at most may lead: Kubernetes refuses the data keys `.`, `..` and `..x`.
DATA_KEY_PATTERN: Final = "^[.]?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$"

MAX_SUBJECT_LENGTH: Final = 320
"""Characters of a subject: `user:` and an address of 254, `runner:` and two names of 63."""

Scope = Annotated[str, described(min_length=1, max_length=128, pattern="^[!#-\\[\\]-~]+$")]
"""scope-token of RFC 6749 section 3.3: printable ASCII without space, quote and backslash."""

Role = Annotated[str, described(max_length=63, pattern="^[A-Za-z0-9._:/*-]{1,63}$")]
Project = Annotated[str, described(max_length=63, pattern="^[A-Za-z0-9._:/*-]{1,63}$")]

# StringOrURI of RFC 7519 section 2, without spaces, since they travel in URLs and in lists.
Audience = Annotated[str, described(min_length=1, max_length=256, pattern="^[!-~]+$")]

LabelValue = Annotated[
    str, described(max_length=63, pattern="^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
]

Tag = Annotated[
    str,
    described(
        min_length=1,
        max_length=64,
        pattern="^[\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}]+( +[\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}]+)*$",
    ),
]
"""Printable text that neither begins nor ends with a blank."""

# Kubernetes demands the zone; naive datetimes would fail at the first comparison.
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
