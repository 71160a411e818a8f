"""Names that stand in every cluster: the API group, and the labels and annotations of ours."""

from typing import Final

GROUP: Final = "mintmaster.dev"
"""API group of the resources, prefix of our labels and annotations, name of our JWT claim."""

VERSION: Final = "v1alpha1"
"""The one version served and stored."""

API_VERSION: Final = f"{GROUP}/{VERSION}"
"""`apiVersion` of every resource of ours."""

MANAGED_BY: Final = "mintmaster"
"""Value of the label `app.kubernetes.io/managed-by` on everything that the operator makes."""

LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
"""Standard label; on a Secret of ours its value is always `MANAGED_BY`."""

LABEL_KIND: Final = f"{GROUP}/kind"
"""On a Secret: kind of the resource that it belongs to."""

LABEL_NAME: Final = f"{GROUP}/name"
"""On a Secret: name of the resource that it belongs to."""

LABEL_UID: Final = f"{GROUP}/uid"
"""On a Secret: UID of the resource that it belongs to; tells two lives of one name apart."""

ANNOTATION_REVISION: Final = f"{GROUP}/revision"
"""On a Secret: revision of the token in it, a decimal number."""

ANNOTATION_EXPIRES_AT: Final = f"{GROUP}/expires-at"
"""On a Secret: when the token in it expires (RFC 3339)."""

ANNOTATION_DIGEST: Final = f"{GROUP}/digest"
"""On a Secret: digest of all its data, to notice edits of it."""

ANNOTATION_TEMPLATED: Final = f"{GROUP}/templated"
"""On a Secret: keys of the labels and annotations that its template put there, as JSON; without any it is not there."""

ANNOTATION_ROTATE: Final = f"{GROUP}/rotate"
"""On a resource or issuer: any new value asks for one rotation."""

ANNOTATION_ADOPT_BY: Final = f"{GROUP}/adopt-by"
"""On a Secret of somebody else: name of the resource that may take it over."""

ANNOTATION_RESTART: Final = f"{GROUP}/restart"
"""On a workload: `"true"` is its owner's consent to restarts after a renewal."""

ANNOTATION_TITLE: Final = f"{GROUP}/title"
"""On a resource that was made over HTTP: what whoever asked calls it, where that can be no name."""

ANNOTATION_IDEMPOTENCY_KEY: Final = f"{GROUP}/idempotency-key"
"""On a resource that was made over HTTP under a name of the asker's choice: hash of who asked, and of their key."""

ANNOTATION_TRACEPARENT: Final = f"{GROUP}/traceparent"
"""On a resource that was made or changed over HTTP while traces are on: the span that did it (W3C Trace Context)."""

LABEL_FAMILY: Final = f"{GROUP}/family"
"""On a token that came of another by rotation over HTTP: UID of the first of them all."""

ANNOTATION_TOKEN_REVISION: Final = f"{GROUP}/token-revision"
"""On a pod template: `<uid>.<revision>` of the token that it was last restarted for."""

MAX_NAME_LENGTH: Final = 63
"""Longest name of a resource of ours in characters: it is a label value on the Secret."""

DEFAULT_SECRET_SUFFIX: Final = "-token"  # noqa: S105 - part of a name
"""A Secret without a name of its own is called `<resource name>-token`."""

CLIENT_SECRET_PREFIX: Final = "mms_"  # noqa: S105 - part of one
"""What client secrets begin with, so that scanners for leaked secrets can tell them."""
