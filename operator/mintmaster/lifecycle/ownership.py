"""Whose a Secret is: decided before anything is minted (I9)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from mintmaster.api import names
from mintmaster.api.token_spec import AdoptionPolicy, DeletionPolicy

if TYPE_CHECKING:
    from mintmaster.api.kinds import TokenResource
    from mintmaster.api.secret_spec import DeliveredSecret
    from mintmaster.lifecycle.secret_view import SecretView


class Claim(Enum):
    """What a resource may do with the Secret of the name that it wants."""

    FREE = "there is no such Secret: create it"
    OURS = "it is this resource's: keep it right"
    TAKE_OVER = "nobody's any more, or offered: overwrite it"
    LEAVING = "it belongs to a former life and the garbage collector takes it: wait"
    FOREIGN = "somebody else's: never touch it"


@dataclass(frozen=True, slots=True)
class Holder:
    """The resource that the labels of a Secret name."""

    kind: str
    name: str
    uid: str


def secret_name(resource: TokenResource) -> str:
    """The name of the Secret of a resource."""
    return resource.spec.secret.name or f"{resource.metadata.name}-token"


def holder_of(view: SecretView) -> Holder | None:
    """Whom the labels of a Secret name, or None where it does not carry them all."""
    labels = view.metadata.labels
    if not view.is_marked:
        return None
    parts = (
        labels.get(names.LABEL_KIND),
        labels.get(names.LABEL_NAME),
        labels.get(names.LABEL_UID),
    )
    kind, name, uid = (part or "" for part in parts)
    return Holder(kind, name, uid) if kind and name and uid else None


def claim(kind: str, resource: TokenResource, view: SecretView | None) -> Claim:
    """Decide what a resource may do with the Secret of its wanted name."""
    if view is None:
        return Claim.FREE
    if view.type != "Opaque":
        return Claim.FOREIGN
    if view.controller is not None and view.controller.uid == resource.metadata.uid:
        # Labels changed or stripped by hand, our ownerReference still there: still ours, and put right.
        return Claim.OURS
    holder = holder_of(view)
    if holder is None:
        return _unlabelled(resource, view)
    if (holder.kind, holder.name) != (kind, resource.metadata.name):
        return Claim.FOREIGN
    return _labelled(kind, resource, view, holder)


def _labelled(kind: str, resource: TokenResource, view: SecretView, holder: Holder) -> Claim:
    """Settle a Secret whose labels name this kind and name, and which this resource does not control.

    Where they carry another UID, that life is over: this resource is the one that lives under the name. Backup
    tools restore Secrets so, without ownerReferences; one that still has its owner is about to be collected.
    """
    controller = view.controller
    if controller is not None and (controller.kind, controller.uid) != (kind, holder.uid):
        return Claim.FOREIGN
    if holder.uid == resource.metadata.uid:
        return Claim.OURS
    return Claim.LEAVING if controller is not None else Claim.TAKE_OVER


def _unlabelled(resource: TokenResource, view: SecretView) -> Claim:
    """Settle a Secret without our labels: it is taken only where its owner says so on the Secret itself.

    A resource may say `IfUnowned`, but a tenant without rights on Secrets could then overwrite any: so the
    Secret must name the resource in an annotation.
    """
    if view.controller is not None:
        return Claim.FOREIGN
    consent = view.metadata.annotations.get(names.ANNOTATION_ADOPT_BY)
    willing = resource.spec.secret.adoption_policy == AdoptionPolicy.IF_UNOWNED
    if willing and consent == resource.metadata.name:
        return Claim.TAKE_OVER
    return Claim.FOREIGN


def wants_controller(spec: DeliveredSecret) -> bool:
    """Whether the Secret is to go with its resource; an orphan has no owner that would take it along."""
    return spec.deletion_policy == DeletionPolicy.DELETE
