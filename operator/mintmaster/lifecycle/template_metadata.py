"""Labels and annotations that a template put on a Secret, remembered there, so that they go when they leave it.

Labels and annotations of others stay on a Secret, and nothing else tells one kind from the other. A Secret without
such a memory, as older versions wrote it, is as it should be: it gets one when it is written next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mintmaster.api.names import ANNOTATION_TEMPLATED

if TYPE_CHECKING:
    from collections.abc import Collection

    from mintmaster.api.secret_spec import SecretTemplate
    from mintmaster.lifecycle.secret_view import SecretView


class Keys(msgspec.Struct, frozen=True, omit_defaults=True):
    """The keys of labels and of annotations."""

    labels: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()


_decode = msgspec.json.Decoder(Keys).decode


def memory_of(template: SecretTemplate) -> dict[str, str]:
    """The annotation by which a Secret tells what of it came from its template; none where nothing did."""
    keys = Keys(tuple(sorted(template.labels)), tuple(sorted(template.annotations)))
    return {ANNOTATION_TEMPLATED: msgspec.json.encode(keys).decode()} if keys != Keys() else {}


def left_over(view: SecretView, labels: Collection[str], annotations: Collection[str]) -> Keys:
    """What a template once put on a Secret and is still there, though it is not among what is wanted there now."""
    once, there = _remembered(view), view.metadata
    return Keys(
        tuple(key for key in once.labels if key in there.labels and key not in labels),
        tuple(
            key
            for key in (*once.annotations, ANNOTATION_TEMPLATED)
            if key in there.annotations and key not in annotations
        ),
    )


def _remembered(view: SecretView) -> Keys:
    text = view.metadata.annotations.get(ANNOTATION_TEMPLATED)
    if text is None:
        return Keys()
    try:
        return _decode(text)
    except msgspec.DecodeError:
        # Somebody wrote there; whose the labels are is not known any more, and they stay.
        return Keys()
