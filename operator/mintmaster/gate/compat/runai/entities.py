"""Applications as Run:ai shows them, under each of the names that it has had for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mintmaster.api.client_application import ClientApplication


def service_account(application: ClientApplication) -> dict[str, object]:
    """A service account, or an application, as it was called before. When it last asked for a token is not recorded."""
    created = application.metadata.creation_timestamp
    updated = application.status.issued_at or created
    return {
        "name": application.metadata.name,
        "createdBy": created_by(application),
        "createdAt": created,
        "updatedAt": updated,
        "enabled": application.spec.enabled,
        "lastLogin": None,
        "id": application.metadata.uid,
        "clientId": application.client_id,
    }


def access_key(application: ClientApplication) -> dict[str, object]:
    """An access key: an application that somebody made for themselves."""
    return {
        "name": application.metadata.name,
        "id": application.metadata.uid,
        "clientId": application.client_id,
        "createdBy": created_by(application),
        "createdAt": application.metadata.creation_timestamp,
        "lastLogin": None,
    }


def created_by(application: ClientApplication) -> str:
    """Who asked for it over HTTP; empty for one that was applied."""
    asked = application.spec.requested_by
    return asked.subject.removeprefix("user:") if asked is not None else ""
