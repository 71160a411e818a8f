"""A change of a status as a merge patch, applied as RFC 7396 says."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.build import NOW
from mintmaster.api.meta import Condition
from mintmaster.api.reasons import State
from mintmaster.api.rights import Rights
from mintmaster.api.status import SecretRef, TokenRecord, TokenStatus
from mintmaster.lifecycle.outcome import patch_of

INSTANTS = st.integers(0, 10_000).map(lambda minutes: NOW + timedelta(minutes=minutes))
NAMES = st.text("abc", min_size=1, max_size=3)
CONDITIONS = st.builds(
    Condition,
    type=st.sampled_from(["Ready", "Stalled", "Approved"]),
    status=st.sampled_from(["True", "False", "Unknown"]),
    reason=NAMES,
    message=NAMES,
    last_transition_time=INSTANTS,
    observed_generation=st.integers(0, 3),
)
RECORDS = st.builds(
    TokenRecord,
    id=NAMES,
    revision=st.integers(0, 9),
    digest=NAMES,
    issued_at=INSTANTS,
    expires_at=st.none() | INSTANTS,
    valid_until=st.none() | INSTANTS,
    rights=st.builds(Rights, subject=NAMES, scopes=st.tuples() | st.tuples(NAMES)),
)
STATUSES = st.builds(
    TokenStatus,
    uid=st.just("") | NAMES,
    id=st.none() | st.integers(1, 9),
    observed_generation=st.integers(-1, 9),
    state=st.sampled_from(["", *State]),
    revision=st.integers(0, 9),
    secret_ref=st.none() | st.builds(SecretRef, name=NAMES),
    issued_at=st.none() | INSTANTS,
    expires_at=st.none() | INSTANTS,
    renew_at=st.none() | INSTANTS,
    tokens=st.lists(RECORDS, max_size=3).map(tuple),
    recent_issues=st.lists(INSTANTS, max_size=3).map(tuple),
    approved_rights_hash=st.none() | NAMES,
    last_rotate_request=st.none() | NAMES,
    conditions=st.lists(CONDITIONS, max_size=2).map(tuple),
)


def merged(target: object, patch: object) -> object:
    """Apply a merge patch: the algorithm of RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


@given(STATUSES, STATUSES)
def test_a_merge_patch_turns_one_status_into_the_other(old: TokenStatus, new: TokenStatus) -> None:
    patch = patch_of(old, new)

    stored = merged(msgspec.to_builtins(old), patch)

    assert msgspec.convert(stored, TokenStatus) == new
    assert (patch == {}) is (old == new)
