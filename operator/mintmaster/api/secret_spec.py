"""The Secret that a token is delivered in: name, keys, templates, policies."""

from enum import StrEnum
from typing import Annotated, ClassVar

import msgspec

from mintmaster.api.names import LABEL_MANAGED_BY
from mintmaster.api.schema import (
    DATA_KEY_PATTERN,
    DNS_SUBDOMAIN,
    LabelValue,
    Model,
    Rule,
    described,
)


class DeletionPolicy(StrEnum):
    """What becomes of the Secret when its resource is deleted."""

    DELETE = "Delete"
    ORPHAN = "Orphan"


class AdoptionPolicy(StrEnum):
    """Whether a Secret that exists already may be taken over."""

    NEVER = "Never"
    IF_UNOWNED = "IfUnowned"


MAX_TEMPLATE_SIZE = 65536
"""Characters of one template; the operator holds all of a Secret's templates to as many bytes."""

TemplateText = Annotated[str, described(max_length=MAX_TEMPLATE_SIZE)]
AnnotationText = Annotated[str, described(max_length=4096)]

_RESERVED = "^(([^/]*[.])?(kubernetes|k8s)[.]io|mintmaster[.]dev)/"
_QUALIFIED_NAME = (
    "^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
)


def _metadata_rules(name: str) -> tuple[Rule, ...]:
    return (
        Rule(
            f"self.all(k, !k.matches('{_RESERVED}') "
            f"|| (k.startsWith('app.kubernetes.io/') && k != '{LABEL_MANAGED_BY}'))",
            f"{name} must not have keys under mintmaster.dev/, kubernetes.io/, k8s.io/ or their "
            f"subdomains, but for app.kubernetes.io/ other than {LABEL_MANAGED_BY}",
        ),
        Rule(
            f"self.all(k, size(k) <= 317 && k.matches('{_QUALIFIED_NAME}'))",
            f"{name} must have keys such as tier or example.org/tier, with at most 63 characters "
            "after the slash",
        ),
    )


class SecretTemplate(Model, frozen=True, kw_only=True):
    """Further content of the Secret."""

    data: Annotated[
        dict[str, TemplateText],
        described(
            "Further keys of the Secret and their text, with placeholders such as {{ token }} or "
            "{{ token | toml }}. Names: token, previous_token, expires_at, issuer, subject, name, "
            "namespace, id, tags, description, client_id; filters: json, toml, base64, shell. 64 KiB "
            "in all. The token of a ClientApplication is its client secret.",
            max_properties=32,
            rules=(
                Rule(
                    f"self.all(k, size(k) <= 253 && k.matches('{DATA_KEY_PATTERN}'))",
                    "data must have keys of letters, digits, -, _ and ., which do not begin with "
                    "two dots, of at most 253 characters",
                ),
            ),
        ),
    ] = msgspec.field(default_factory=dict)
    labels: Annotated[
        dict[str, LabelValue],
        described(
            "Labels to set on the Secret. Keys reserved for Kubernetes or for Mintmaster are "
            "refused, but for app.kubernetes.io/ other than managed-by.",
            max_properties=32,
            rules=_metadata_rules("labels"),
        ),
    ] = msgspec.field(default_factory=dict)
    annotations: Annotated[
        dict[str, AnnotationText],
        described(
            "Annotations to set on the Secret. Keys reserved for Kubernetes or for Mintmaster are "
            "refused, but for app.kubernetes.io/ other than managed-by.",
            max_properties=32,
            rules=_metadata_rules("annotations"),
        ),
    ] = msgspec.field(default_factory=dict)


class DeliveredSecret(Model, frozen=True, kw_only=True):
    """A Secret that something is delivered in, whatever its keys are."""

    name: Annotated[
        str | None,
        described(
            "Name of the Secret, in the namespace of the resource; <resource name>-token by "
            "default. It cannot be changed.",
            min_length=1,
            max_length=253,
            pattern=DNS_SUBDOMAIN,
        ),
    ] = None
    template: Annotated[
        SecretTemplate,
        described("Further content of the Secret, such as a whole config.toml, and its labels."),
    ] = SecretTemplate()
    deletion_policy: Annotated[
        DeletionPolicy,
        described(
            "What becomes of the Secret when the resource is deleted: Delete (default), or Orphan "
            "to leave it. Its tokens are inactive in both cases, and a revocation removes it."
        ),
    ] = DeletionPolicy.DELETE
    adoption_policy: Annotated[
        AdoptionPolicy,
        described(
            "Whether a Secret that exists already may be taken over: Never (default), or IfUnowned "
            "where it carries the annotation mintmaster.dev/adopt-by: <resource name>."
        ),
    ] = AdoptionPolicy.NEVER


class SecretSpec(DeliveredSecret, frozen=True, kw_only=True):
    """The Secret that the token is delivered in."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.previousTokenKey) || self.previousTokenKey != self.tokenKey",
            "previousTokenKey must differ from tokenKey",
            ".previousTokenKey",
        ),
        Rule(
            "!has(self.template) || !has(self.template.data) "
            "|| !(self.tokenKey in self.template.data) && "
            "(!has(self.previousTokenKey) || !(self.previousTokenKey in self.template.data))",
            "template.data must not have the keys of tokenKey and previousTokenKey",
            ".template.data",
        ),
    )

    token_key: Annotated[
        str,
        described(
            "Key of the Secret that holds the token, such as ADMIN_ACCESS_TOKEN; token by default.",
            max_length=253,
            pattern=DATA_KEY_PATTERN,
        ),
    ] = "token"  # noqa: S105 - the name of a key
    previous_token_key: Annotated[
        str | None,
        described(
            "Key of the Secret that holds the superseded token while it is still active; by "
            "default it is nowhere.",
            max_length=253,
            pattern=DATA_KEY_PATTERN,
        ),
    ] = None


class ClientSecretDelivery(DeliveredSecret, frozen=True, kw_only=True):
    """The Secret that a client id and its client secret are delivered in."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.clientIdKey != self.clientSecretKey",
            "clientSecretKey must differ from clientIdKey",
            ".clientSecretKey",
        ),
        Rule(
            "!has(self.previousClientSecretKey) "
            "|| !(self.previousClientSecretKey in [self.clientIdKey, self.clientSecretKey])",
            "previousClientSecretKey must differ from clientIdKey and clientSecretKey",
            ".previousClientSecretKey",
        ),
        Rule(
            "!has(self.template) || !has(self.template.data) "
            "|| !(self.clientIdKey in self.template.data) "
            "&& !(self.clientSecretKey in self.template.data) && "
            "(!has(self.previousClientSecretKey) "
            "|| !(self.previousClientSecretKey in self.template.data))",
            "template.data must not have the keys of clientIdKey, clientSecretKey and "
            "previousClientSecretKey",
            ".template.data",
        ),
    )

    client_id_key: Annotated[
        str,
        described(
            "Key of the Secret that holds the client id, such as CLIENT_ID; client-id by default.",
            max_length=253,
            pattern=DATA_KEY_PATTERN,
        ),
    ] = "client-id"
    client_secret_key: Annotated[
        str,
        described(
            "Key of the Secret that holds the client secret, such as CLIENT_SECRET; client-secret "
            "by default.",
            max_length=253,
            pattern=DATA_KEY_PATTERN,
        ),
    ] = "client-secret"  # noqa: S105 - the name of a key
    previous_client_secret_key: Annotated[
        str | None,
        described(
            "Key of the Secret that holds the superseded client secret while it is still active; "
            "by default it is nowhere.",
            max_length=253,
            pattern=DATA_KEY_PATTERN,
        ),
    ] = None

    @property
    def token_key(self) -> str:
        """The key of what is renewed, which is the client secret."""
        return self.client_secret_key

    @property
    def previous_token_key(self) -> str | None:
        """The key of the superseded client secret."""
        return self.previous_client_secret_key
