"""What an issuer grants: one entry must cover all, `*` alone means all, and nothing is granted by accident."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.build import EVERYTHING, issuer, issuing
from mintmaster.api.grants import (
    Grant,
    LabelSelector,
    LabelSelectorRequirement,
    NamespaceSelection,
    SelectorOperator,
)
from mintmaster.api.rights import Rights
from mintmaster.lifecycle import grants
from mintmaster.lifecycle.grants import Request

RIGHTS = Rights(
    subject="user:ada@example.org",
    audiences=("https://services.example.org",),
    scopes=("read",),
    roles=("Reader",),
    projects=("atlas",),
)
REQUEST = Request(
    kind="UserAccessToken", namespace="team-a", namespace_labels={"tier": "gold"}, rights=RIGHTS
)
EXACT = Grant(
    namespaces=NamespaceSelection(names=("team-a",)),
    kinds=("UserAccessToken",),
    subjects=("user:ada@example.org",),
    projects=("atlas",),
    roles=("Reader",),
)


def asking(**changes: Any) -> Request:
    """The request with some rights, or other members, changed."""
    of_rights = {name: changes.pop(name) for name in list(changes) if hasattr(RIGHTS, name)}
    return replace(REQUEST, rights=msgspec.structs.replace(RIGHTS, **of_rights), **changes)


def granting(**changes: Any) -> Grant:
    return msgspec.structs.replace(EXACT, **changes)


def missing(request: Request, *entries: Grant) -> tuple[str, ...]:
    return grants.missing(request, issuer(issuing("grants", entries)))


def test_an_entry_that_names_just_what_is_asked_for_suffices() -> None:
    assert missing(REQUEST, EXACT) == ()


def test_a_star_in_every_field_suffices() -> None:
    assert missing(REQUEST, EVERYTHING) == ()


def test_without_entries_nothing_is_granted() -> None:
    assert missing(REQUEST) == ("anything in namespace 'team-a'",)


@pytest.mark.parametrize("field", ["kinds", "subjects", "projects", "roles"])
def test_a_field_left_out_grants_nothing(field: str) -> None:
    assert len(missing(REQUEST, granting(**{field: ()}))) == 1


@pytest.mark.parametrize(
    ("request_", "lacking"),
    [
        (asking(kind="RunnerRegistration"), "kind RunnerRegistration"),
        (asking(subject="user:bob@example.org"), "subject 'user:bob@example.org'"),
        (asking(scopes=("read", "write")), "scope 'write'"),
        (asking(roles=("Editor", "Reader")), "role 'Editor'"),
        (asking(projects=("atlas", "cms")), "project 'cms'"),
        (asking(projects=("*",)), "project '*'"),
        (asking(audiences=("https://other",)), "audience 'https://other'"),
        (asking(runner_type="Instance"), "runner type Instance"),
        (asking(group="7"), "group '7'"),
        (asking(unlimited=True), "a token without expiry (ask for a lifetime)"),
    ],
)
def test_what_is_lacking_is_named(request_: Request, lacking: str) -> None:
    assert missing(request_, EXACT) == (lacking,)


def test_the_audiences_of_the_issuer_are_always_granted() -> None:
    assert missing(asking(audiences=("https://services.example.org",)), EXACT) == ()
    assert missing(asking(audiences=()), EXACT) == ()


def test_entries_do_not_add_up() -> None:
    without_role, without_project = granting(roles=()), granting(projects=())

    assert missing(REQUEST, without_role, without_project) == ("role 'Reader'",)


def test_the_closest_entry_is_told_and_others_do_not_matter() -> None:
    far = granting(kinds=(), subjects=(), projects=())
    elsewhere = granting(namespaces=NamespaceSelection(names=("team-b",)))

    assert missing(REQUEST, far, elsewhere, granting(roles=())) == ("role 'Reader'",)


@pytest.mark.parametrize("what", ["projects", "roles", "scopes", "audiences"])
def test_a_literal_star_needs_a_star(what: str) -> None:
    asked = asking(**({"scopes": ()} | {what: ("*",)}))

    assert missing(asked, granting(**{what: ("atlas", "Reader", "read")})) != ()
    assert missing(asked, granting(**{what: ("*",)})) == ()


@pytest.mark.parametrize("what", ["projects", "roles", "scopes", "audiences", "kinds"])
def test_a_star_within_a_name_is_no_pattern_but_where_subjects_and_namespaces_are(
    what: str,
) -> None:
    asked = asking(scopes=("admin",), projects=("atlas",), audiences=("https://a",))
    everything = msgspec.structs.replace(EVERYTHING, **{what: ("a*", "R*", "U*", "h*")})

    assert len(missing(asked, everything)) == 1


@pytest.mark.parametrize(
    ("pattern", "subject", "matches"),
    [
        ("*", "user:ada@example.org", True),
        ("user:*@example.org", "user:ada@example.org", True),
        ("user:*@example.org", "user:ada@example.organic", False),
        ("user:*@example.org", "user:ada@evil.example.org", False),
        ("user:*@*.org", "user:ada@example.org", True),
        ("user:a.a@example.org", "user:ada@example.org", False),
        ("user:a?a@example.org", "user:ada@example.org", False),
        ("user:[a-z]*@example.org", "user:ada@example.org", False),
        ("user:ada@example.org*", "user:ada@example.org", True),
        ("user:ada@example.org**", "user:ada@example.org", True),
        ("user:ada*ada@example.org", "user:ada@example.org", False),
        ("", "user:ada@example.org", False),
        ("runner:<namespace>:*", "runner:team-a:linux", True),
        ("runner:<namespace>:*", "runner:team-b:linux", False),
        ("runner:<namespace>*", "runner:team-alpha:linux", True),
        ("runner:<namespace>:<namespace>", "runner:team-a:team-a", True),
        ("user:ada@example.org", "user:ada@example.org\nroot", False),
        ("user:*", "user:ada@example.org\nroot", True),
    ],
)
def test_subjects_are_globs_with_the_namespace_filled_in(
    pattern: str, subject: str, matches: bool
) -> None:
    assert (missing(asking(subject=subject), granting(subjects=(pattern,))) == ()) is matches


@given(st.text("ab*.", max_size=8), st.text("ab.", max_size=10))
def test_a_glob_matches_what_a_regular_expression_made_of_it_does(pattern: str, text: str) -> None:
    expression = ".*".join(re.escape(piece) for piece in pattern.split("*"))

    assert grants._matches(pattern, text) == bool(re.fullmatch(expression, text, re.DOTALL))


def test_a_pattern_of_many_stars_is_not_tried_in_every_way() -> None:
    # A backtracking matcher would not come to an end in the lifetime of the universe.
    pattern, subject = "*a" * 150 + "*b", "user:" + "a" * 300

    assert missing(asking(subject=subject), granting(subjects=(pattern,))) != ()
    assert not grants.denied(subject, issuer(issuing("denied_subjects", (pattern,))))


@pytest.mark.parametrize(
    ("patterns", "denied"),
    [
        ((), False),
        (("user:ada@example.org",), True),
        (("user:bob@example.org", "user:*"), True),
        (("runner:*",), False),
        (("<namespace>",), False),
    ],
)
def test_denied_subjects(patterns: tuple[str, ...], denied: bool) -> None:
    view = issuer(issuing("denied_subjects", patterns))

    assert grants.denied("user:ada@example.org", view) is denied


def _expression(
    operator: str, key: str = "tier", values: tuple[str, ...] = ()
) -> NamespaceSelection:
    rule = LabelSelectorRequirement(key=key, operator=SelectorOperator(operator), values=values)
    return NamespaceSelection(selector=LabelSelector(match_expressions=(rule,)))


@pytest.mark.parametrize(
    ("selection", "selects"),
    [
        (NamespaceSelection(names=("team-a",)), True),
        (NamespaceSelection(names=("team-*",)), True),
        (NamespaceSelection(names=("*",)), True),
        (NamespaceSelection(names=("team", "ci")), False),
        (NamespaceSelection(), False),
        (NamespaceSelection(selector=LabelSelector(match_labels={"tier": "gold"})), True),
        (NamespaceSelection(selector=LabelSelector(match_labels={"tier": "tin"})), False),
        (
            NamespaceSelection(
                selector=LabelSelector(match_labels={"tier": "gold", "region": "eu"})
            ),
            False,
        ),
        (
            NamespaceSelection(
                names=("ci",), selector=LabelSelector(match_labels={"tier": "gold"})
            ),
            True,
        ),
        (_expression("In", values=("gold", "tin")), True),
        (_expression("In", values=("tin",)), False),
        (_expression("In", "region", ("eu",)), False),
        (_expression("NotIn", values=("tin",)), True),
        (_expression("NotIn", values=("gold",)), False),
        (_expression("NotIn", "region", ("eu",)), True),
        (_expression("Exists"), True),
        (_expression("Exists", "region"), False),
        (_expression("DoesNotExist", "region"), True),
        (_expression("DoesNotExist"), False),
    ],
)
def test_namespaces_are_selected_by_name_or_by_label_as_kubernetes_does(
    selection: NamespaceSelection, selects: bool
) -> None:
    assert (missing(REQUEST, granting(namespaces=selection)) == ()) is selects


def test_an_operator_that_nobody_knows_widens_nothing() -> None:
    assert not grants._expression_holds("Gt", "tier", ("1",), {"tier": "gold"})
