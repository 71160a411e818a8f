"""Which rights a resource asks for, and how recorded rights compare with them, as sets."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.build import having, issuer, runner, user_token
from mintmaster.api.rights import Rights
from mintmaster.lifecycle import rights

FIELDS = ("audiences", "scopes", "roles", "projects")
VALUES = st.lists(st.sampled_from("abc"), max_size=3, unique=True).map(tuple)
RIGHTS = st.builds(
    Rights,
    subject=st.sampled_from(["user:a", "user:b"]),
    audiences=VALUES,
    scopes=VALUES,
    roles=VALUES,
    projects=VALUES,
)
SCOPES = st.lists(st.sampled_from(["read", "write", "admin"]), unique=True).map(tuple)
ROLES = st.lists(st.sampled_from(["Reader", "Editor"]), unique=True).map(tuple)


def shuffled(some: Rights) -> Rights:
    return msgspec.structs.replace(
        some, **{name: tuple(reversed(getattr(some, name))) for name in FIELDS}
    )


def as_set(some: Rights) -> set[tuple[str, str]]:
    return {(name, value) for name in FIELDS for value in getattr(some, name)}


@given(RIGHTS, RIGHTS)
def test_rights_exceed_others_where_they_hold_anything_more(one: Rights, other: Rights) -> None:
    expected = one.subject != other.subject or not as_set(one) <= as_set(other)

    assert rights.exceeds(one, other) is expected


@given(RIGHTS, RIGHTS)
def test_rights_are_the_same_if_neither_exceeds_the_other(one: Rights, other: Rights) -> None:
    neither = not rights.exceeds(one, other) and not rights.exceeds(other, one)

    assert rights.same(one, other) is neither


@given(RIGHTS)
def test_order_is_no_difference(some: Rights) -> None:
    assert rights.same(some, shuffled(some))
    assert not rights.exceeds(shuffled(some), some)


@given(SCOPES, ROLES)
def test_a_token_issued_now_neither_exceeds_nor_falls_short(
    scopes: tuple[str, ...], roles: tuple[str, ...]
) -> None:
    resource = user_token(having("scopes", scopes), having("roles", roles))
    wanted = rights.desired(resource, issuer())

    assert not rights.exceeds(wanted, wanted)
    assert not rights.falls_short(wanted, resource)
    assert set(wanted.scopes) == set(scopes) | issuer().scopes_of(roles)


@given(st.permutations(["read", "write", "admin"]), st.permutations(["Reader", "Editor"]))
def test_the_fingerprint_is_the_same_in_any_order(scopes: list[str], roles: list[str]) -> None:
    def fingerprint(scopes: tuple[str, ...], roles: tuple[str, ...]) -> str:
        resource = user_token(having("scopes", scopes), having("roles", roles))
        return rights.fingerprint(rights.desired(resource, issuer()))

    expected = fingerprint(("read", "write", "admin"), ("Reader", "Editor"))

    assert fingerprint(tuple(scopes), tuple(roles)) == expected
    assert fingerprint(("read",), ("Editor",)) != expected


@given(RIGHTS, RIGHTS)
def test_different_rights_have_different_fingerprints(one: Rights, other: Rights) -> None:
    assert (rights.fingerprint(one) == rights.fingerprint(other)) is (one == other)


@pytest.mark.parametrize(
    ("path", "value", "short"),
    [
        ("scopes", ("read",), False),
        ("scopes", ("read", "write", "admin"), True),
        ("roles", ("Reader",), True),
        ("projects", ("cms",), True),
        ("projects", (), True),
        ("token.audiences", ("https://services.example.org",), False),
        ("token.audiences", ("https://other.example.org",), True),
        ("token.audiences", ("https://services.example.org", "https://other.example.org"), True),
    ],
)
def test_what_the_spec_names_and_the_token_lacks(path: str, value: object, short: bool) -> None:
    recorded = rights.desired(user_token(), issuer())

    assert rights.falls_short(recorded, user_token(having(path, value))) is short


def test_subjects_name_users_by_address_and_runners_by_place() -> None:
    assert rights.subject_of(user_token()) == "user:ada@example.org"
    assert rights.subject_of(runner()) == "runner:team:linux"


def test_a_runner_is_bound_to_its_project_and_has_no_roles() -> None:
    wanted = rights.desired(runner(), issuer())

    assert (wanted.projects, wanted.roles) == (("3",), ())
    assert rights.asked_projects(runner(having("project", None))) == ()


def test_no_projects_are_none_and_not_all() -> None:
    wanted = rights.desired(user_token(having("projects", ())), issuer())

    assert wanted.projects == ()
