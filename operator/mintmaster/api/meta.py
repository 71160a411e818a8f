"""Standard parts of every Kubernetes object: metadata, owner references, conditions."""

from typing import Annotated

import msgspec

from mintmaster.api.schema import Instant, Model, described


class OwnerReference(Model, frozen=True, kw_only=True):
    """A `metav1.OwnerReference`; garbage collection rides on it."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool = False
    block_owner_deletion: bool = False


class ObjectMeta(Model, frozen=True, kw_only=True):
    """The part of a `metav1.ObjectMeta` that we read."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: Instant | None = None
    deletion_timestamp: Instant | None = None
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    annotations: dict[str, str] = msgspec.field(default_factory=dict)
    owner_references: tuple[OwnerReference, ...] = ()


class Condition(Model, frozen=True, kw_only=True):
    """A `metav1.Condition`: what `kubectl wait --for=condition=...` and kstatus read."""

    type: Annotated[
        str,
        described(
            "Aspect that the condition is about, such as Ready.",
            min_length=1,
            max_length=63,
            pattern="^[A-Za-z]([A-Za-z0-9_.-]*[A-Za-z0-9])?$",
        ),
    ]
    status: Annotated[
        str, described("True, False or Unknown.", pattern="^(True|False|Unknown)$", max_length=7)
    ]
    reason: Annotated[
        str,
        described(
            "Why the status is what it is, in one word for programs; the documentation says of "
            "each what to do.",
            min_length=1,
            max_length=128,
            pattern="^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
        ),
    ]
    message: Annotated[str, described("The same in a sentence for people.", max_length=32768)]
    last_transition_time: Annotated[Instant, described("When the status last changed.")]
    observed_generation: Annotated[
        int,
        described(
            "The metadata.generation that the condition was computed for; older than the present "
            "one means out of date.",
            minimum=0,
        ),
    ] = 0
