"""What the Secret of a resource has to contain: data, labels, annotations, owner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mintmaster.api import names
from mintmaster.api.client_application import ClientApplication
from mintmaster.api.meta import OwnerReference
from mintmaster.lifecycle import rfc3339, template, template_metadata
from mintmaster.lifecycle.identity import numeric_id
from mintmaster.lifecycle.ownership import wants_controller
from mintmaster.lifecycle.rights import client_id_of
from mintmaster.lifecycle.secret_view import digest_of_data

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mintmaster.api.kinds import TokenResource
    from mintmaster.api.secret_spec import DeliveredSecret
    from mintmaster.api.status import TokenRecord
    from mintmaster.lifecycle.facts import Facts
    from mintmaster.lifecycle.secret_view import SecretView


_NOTHING = template_metadata.Keys()


@dataclass(frozen=True, slots=True)
class Content:
    """The desired state of a Secret; labels and annotations of others are not part of it."""

    data: Mapping[str, bytes] = field(repr=False)
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    owner: OwnerReference | None


def content(facts: Facts, record: TokenRecord, *, token: str, previous_token: str = "") -> Content:
    """Build the Secret of a resource around a token. Raises `TemplateInvalid`."""
    kind, resource = facts.kind, facts.resource
    spec = resource.spec.secret
    data = _client_id(resource) | {spec.token_key: token.encode()}
    if spec.previous_token_key and previous_token:
        data[spec.previous_token_key] = previous_token.encode()
    if spec.template.data:
        values = _values(facts, record, token=token, previous_token=previous_token)
        data |= template.render(spec.template.data, values)
    return Content(
        data=data,
        labels=spec.template.labels | own_labels(kind, resource),
        annotations=_template_annotations(spec) | _own_annotations(record, data),
        owner=owner_reference(kind, resource) if wants_controller(spec) else None,
    )


def content_around(facts: Facts) -> Content | None:
    """The Secret as it should be, around the tokens that it was read to hold; None where it holds none of ours.

    Raises `TemplateInvalid`.
    """
    current = facts.current
    token = facts.token_read(current) if current is not None else None
    if current is None or token is None:
        return None
    previous = (facts.token_read(record) for record in facts.live if record is not current)
    return content(
        facts,
        current,
        token=token,
        previous_token=next((text for text in previous if text), ""),
    )


def is_as_wanted(facts: Facts) -> bool:
    """Whether the content that was read is the content that should be there."""
    wanted = content_around(facts)
    if wanted is None or facts.reading is None:
        return False
    annotations = facts.reading.view.metadata.annotations
    expected = dict(wanted.annotations)
    if names.ANNOTATION_TEMPLATED not in annotations:
        # An older version wrote it, which is no reason to write it again.
        expected.pop(names.ANNOTATION_TEMPLATED, None)
    return dict(wanted.data) == dict(facts.reading.data) and expected.items() <= annotations.items()


def own_labels(kind: str, resource: TokenResource) -> dict[str, str]:
    """The labels that say whose a Secret is."""
    return {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_KIND: kind,
        names.LABEL_NAME: resource.metadata.name,
        names.LABEL_UID: resource.metadata.uid,
    }


def owner_reference(kind: str, resource: TokenResource) -> OwnerReference:
    """The ownerReference on which deletion rides; it never blocks the deletion of its owner (I8)."""
    meta = resource.metadata
    return OwnerReference(
        api_version=names.API_VERSION, kind=kind, name=meta.name, uid=meta.uid, controller=True
    )


def metadata_is_right(kind: str, resource: TokenResource, view: SecretView) -> bool:
    """Whether owner, labels and annotations stand as they should; needs no plain content."""
    spec = resource.spec.secret
    wanted_owner = resource.metadata.uid if wants_controller(spec) else None
    owner = view.controller.uid if view.controller else None
    labels = spec.template.labels | own_labels(kind, resource)
    return (
        owner == wanted_owner
        and labels.items() <= view.metadata.labels.items()
        and spec.template.annotations.items() <= view.metadata.annotations.items()
        and template_metadata.left_over(view, labels, _template_annotations(spec)) == _NOTHING
        and not view.immutable
    )


def _client_id(resource: TokenResource) -> dict[str, bytes]:
    """What an application needs beside its secret to present itself."""
    if not isinstance(resource, ClientApplication):
        return {}
    return {resource.spec.secret.client_id_key: resource.client_id.encode()}


def _template_annotations(spec: DeliveredSecret) -> dict[str, str]:
    return spec.template.annotations | template_metadata.memory_of(spec.template)


def _own_annotations(record: TokenRecord, data: Mapping[str, bytes]) -> dict[str, str]:
    annotations = {
        names.ANNOTATION_REVISION: str(record.revision),
        names.ANNOTATION_DIGEST: digest_of_data(data),
    }
    if record.expires_at is not None:
        annotations[names.ANNOTATION_EXPIRES_AT] = rfc3339.format(record.expires_at)
    return annotations


def _values(
    facts: Facts, record: TokenRecord, *, token: str, previous_token: str
) -> dict[str, str]:
    resource = facts.resource
    spec = resource.spec
    return {
        "token": token,
        "previous_token": previous_token,
        "expires_at": rfc3339.format(record.expires_at) if record.expires_at else "",
        "issuer": facts.known_issuer.spec.url,
        "subject": record.rights.subject,
        "name": resource.metadata.name,
        "namespace": resource.metadata.namespace,
        "id": str(numeric_id(resource.metadata.uid)),
        "tags": ",".join(getattr(spec, "tags", ())),
        "description": spec.description,
        "client_id": client_id_of(resource),
    }
