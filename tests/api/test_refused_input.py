"""What the API server refuses by our CRDs: each message names the field and the rule.

The tables: refused_in_every_kind.py and refused_by_kind.py.
"""

import pytest

from api.api_server import ApiServer
from api.refused_by_kind import ISSUER_CASES, RUNNER_CASES, USER_CASES
from api.refused_in_every_kind import COMMON_CASES, DELIVERY_CASES, SECRET_CASES, TOKEN_CASES
from api.resources import Manifest


@pytest.mark.parametrize(
    ("resource", "fragments"),
    [
        *TOKEN_CASES,
        *DELIVERY_CASES,
        *SECRET_CASES,
        *COMMON_CASES,
        *RUNNER_CASES,
        *USER_CASES,
        *ISSUER_CASES,
    ],
)
def test_is_refused_with_a_message_that_names_field_and_rule(
    shared_api: ApiServer, resource: Manifest, fragments: tuple[str, ...]
) -> None:
    answer = shared_api.create(resource, dry_run=True)

    assert answer.status == 422, answer.body
    for fragment in fragments:
        assert fragment in answer.message
