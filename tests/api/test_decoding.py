"""Reading is lenient where the API server is newer or older, and never crashes otherwise."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from api.resources import having, issuer, runner, user_token
from mintmaster.api.decoding import MalformedResource, decode, encode
from mintmaster.api.kinds import (
    ALL_KINDS,
    RUNNER_REGISTRATION,
    TOKEN_ISSUER,
    USER_ACCESS_TOKEN,
    Resource,
    ResourceKind,
)


def instances(node: inspect.Type) -> st.SearchStrategy[Any]:
    """Return values of a model's type, whatever its CRD would say about them."""
    return STRATEGIES[type(node)](node)


STRATEGIES: dict[type[inspect.Type], Callable[[Any], st.SearchStrategy[Any]]] = {
    inspect.Metadata: lambda node: instances(node.type),
    inspect.UnionType: lambda node: st.one_of(*(instances(option) for option in node.types)),
    inspect.StructType: lambda node: st.builds(
        node.cls, **{field.name: instances(field.type) for field in node.fields}
    ),
    inspect.VarTupleType: lambda node: st.lists(instances(node.item_type), max_size=2).map(tuple),
    inspect.DictType: lambda node: st.dictionaries(
        st.text(max_size=9), instances(node.value_type), max_size=2
    ),
    inspect.EnumType: lambda node: st.sampled_from(list(node.cls)),
    inspect.DateTimeType: lambda _: st.datetimes(timezones=st.just(UTC)),
    inspect.IntType: lambda _: st.integers(-1, 2**52),
    inspect.BoolType: lambda _: st.booleans(),
    inspect.NoneType: lambda _: st.none(),
    inspect.StrType: lambda _: st.text(st.characters(exclude_categories=["Cs"]), max_size=9),
}


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.kind) for kind in ALL_KINDS])
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_what_is_written_is_read_as_the_same(
    kind: ResourceKind[Resource], data: st.DataObject
) -> None:
    resource = data.draw(instances(inspect.type_info(kind.model)))

    raw = encode(kind, resource)

    assert decode(kind, raw) == resource
    assert decode(kind, json.loads(raw)) == resource


def test_writes_version_and_kind() -> None:
    written = json.loads(encode(RUNNER_REGISTRATION, decode(RUNNER_REGISTRATION, runner())))

    assert (written["apiVersion"], written["kind"]) == (
        "mintmaster.dev/v1alpha1",
        "RunnerRegistration",
    )


def test_reads_the_fields_under_their_names_in_json() -> None:
    status = {
        "lastRotateRequest": "now",
        "tokens": [
            {
                "id": "u.1.r",
                "revision": 1,
                "keyID": "kid",
                "digest": "d" * 43,
                "issuedAt": "2026-01-01T00:00:00Z",
                "rights": {"subject": "user:ada@example.org", "scopes": ["api"]},
            }
        ],
    }

    read = decode(USER_ACCESS_TOKEN, {**user_token(), "status": status}).status

    assert read.last_rotate_request == "now"
    assert read.tokens[0].key_id == "kid"
    assert read.tokens[0].issued_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert read.tokens[0].rights.scopes == ("api",)


def test_ignores_fields_of_newer_versions() -> None:
    read = decode(USER_ACCESS_TOKEN, user_token(having("token.newer", 1), having("newer", {})))

    assert read == decode(USER_ACCESS_TOKEN, user_token())


def test_reads_objects_that_break_rules_made_after_them() -> None:
    resource = user_token(having("scopes", ["a b"] * 40), having("token.lifetime", "1s"))

    assert len(decode(USER_ACCESS_TOKEN, resource).spec.scopes) == 40


def test_reads_words_in_a_status_that_it_does_not_know() -> None:
    read = decode(USER_ACCESS_TOKEN, {**user_token(), "status": {"state": "Novel"}})

    assert read.status.state == "Novel"


def test_reads_mappings_that_are_not_dictionaries() -> None:
    resource = MappingProxyType({**runner(), "spec": MappingProxyType({"type": "Group"})})

    assert decode(RUNNER_REGISTRATION, resource).spec.type == "Group"


def test_a_resource_without_status_was_seen_by_nobody() -> None:
    assert decode(RUNNER_REGISTRATION, runner()).status.observed_generation == -1


@pytest.mark.parametrize(
    ("raw", "field", "problem"),
    [
        pytest.param(runner(having("type", "Shared")), "spec.type", "'Shared'", id="unknown word"),
        pytest.param(runner(having("tags", "linux")), "spec.tags", "array", id="wrong type"),
        pytest.param(runner(having("tags", ["a", 1])), "spec.tags[1]", "`int`", id="in a list"),
        pytest.param({"metadata": {"name": "a"}}, "object", "`spec`", id="no spec"),
        pytest.param(
            {**runner(), "status": {"issuedAt": "2026-01-01T00:00:00"}},
            "status.issuedAt",
            "timezone",
            id="instant without a zone",
        ),
        pytest.param(b"", "object", "truncated", id="nothing"),
        pytest.param(b"[]", "object", "array", id="a list"),
        pytest.param(b'{"a":"\xff"}', "object", "", id="not UTF-8"),
    ],
)
def test_names_the_field_that_does_not_fit(
    raw: bytes | dict[str, Any], field: str, problem: str
) -> None:
    with pytest.raises(MalformedResource) as caught:
        decode(RUNNER_REGISTRATION, raw)

    assert caught.value.kind == "RunnerRegistration"
    assert caught.value.field == field
    assert problem in caught.value.problem


@given(st.binary())
def test_no_bytes_do_more_harm_than_a_malformed_resource(raw: bytes) -> None:
    with pytest.raises(MalformedResource):
        decode(TOKEN_ISSUER, raw)


def test_models_cannot_be_changed() -> None:
    read = decode(TOKEN_ISSUER, issuer())

    with pytest.raises(AttributeError):
        read.spec.url = "https://other.example.org"  # type: ignore[misc]
