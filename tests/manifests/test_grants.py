"""The verbs `grant` and `use`: nobody puts into a resource what they were not given to give."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from manifests.people import Object, application, runner, user_token
from manifests.teams import Team

USER = "ada@example.org"


@dataclass(frozen=True)
class Axis:
    """A list of rights in the spec of a kind."""

    resource: str
    build: Callable[..., Object]
    path: tuple[str, ...]
    size: int

    def spec(self, *values: str) -> Object:
        spec: Any = list(values)
        for key in reversed(self.path):
            spec = {key: spec}
        return dict(spec)

    def body(self, team: Team, *values: str) -> Object:
        return self.build(team.namespace, **self.spec(*values))

    def values(self, count: int) -> list[str]:
        return [
            f"https://r{number}.example.org" if self._is_url else f"r{number}"
            for number in range(count)
        ]

    @property
    def _is_url(self) -> bool:
        return self.resource == "audiences"

    @property
    def field(self) -> str:
        return ".".join(("spec", *self.path))


AXES = [
    Axis("scopes", runner, ("scopes",), 16),
    Axis("scopes", user_token, ("scopes",), 16),
    Axis("scopes", application, ("scopes",), 16),
    Axis("roles", user_token, ("roles",), 16),
    Axis("roles", application, ("roles",), 16),
    Axis("projects", user_token, ("projects",), 16),
    Axis("projects", application, ("projects",), 16),
    Axis("audiences", runner, ("token", "audiences"), 8),
    Axis("audiences", user_token, ("token", "audiences"), 8),
]


@pytest.fixture(params=AXES, ids=lambda axis: f"{axis.resource}-{axis.build.__name__}")
def axis(request: pytest.FixtureRequest) -> Axis:
    """Each list of rights in turn."""
    found: Axis = request.param
    return found


@pytest.fixture
def trusted(team: Team) -> Team:
    """A team whose member may speak for a user, and use both issuers."""
    team.give("grant", "users", USER)
    team.give("use", "tokenissuers", "applications")
    return team


def test_what_was_not_granted_is_refused_and_the_message_says_what_to_do(
    trusted: Team, axis: Axis
) -> None:
    given, other = axis.values(2)
    trusted.give("grant", axis.resource, given)
    policy = f"grant-{axis.resource}"
    _ = trusted.member.create(axis.body(trusted, given), dry_run=True).passed
    refused = trusted.member.create(axis.body(trusted, given, other), dry_run=True)
    assert refused.is_refused(
        policy, f"{axis.field}: ", f"'{other}'", "grant", f"'{axis.resource}'"
    )


def test_a_list_as_long_as_it_can_be_is_affordable(trusted: Team, axis: Axis) -> None:
    trusted.give("grant", axis.resource)
    full = axis.values(axis.size)
    _ = trusted.member.create(axis.body(trusted, *full), dry_run=True).passed


def test_the_last_of_a_long_list_counts(trusted: Team, axis: Axis) -> None:
    full = axis.values(axis.size)
    trusted.give("grant", axis.resource, *full[:-1])
    refused = trusted.member.create(axis.body(trusted, *full), dry_run=True)
    assert refused.is_refused(f"grant-{axis.resource}", f"'{full[-1]}'")


def test_what_stood_there_before_can_be_kept_moved_and_narrowed(trusted: Team, axis: Axis) -> None:
    one, two, three = axis.values(3)
    body = trusted.admin.create(axis.body(trusted, one, two)).passed
    change = trusted.member.patch
    for values in ((two, one), (two,)):
        _ = change(body, {"spec": axis.spec(*values)}).passed
    for values in ((two, three), (two, one)):
        refused = change(body, {"spec": axis.spec(*values)})
        assert refused.is_refused(f"grant-{axis.resource}", axis.field), values
    _ = change(body, {"metadata": {"labels": {"tier": "gold"}}}).passed
    _ = change(body, {"spec": {"revoked": True}}).passed


def test_everything_at_once_is_affordable(trusted: Team) -> None:
    for resource in ("scopes", "roles", "projects", "audiences"):
        trusted.give("grant", resource)
    lists: dict[str, Any] = {}
    for axis in AXES:
        if axis.build is user_token:
            lists |= axis.spec(*axis.values(axis.size))
    trusted.give("use", "tokenissuers")
    lists["exchange"] = {"serviceAccounts": ["default"]}
    _ = trusted.member.create(user_token(trusted.namespace, **lists), dry_run=True).passed


def test_a_role_with_everything_in_a_namespace_grants_nothing(team: Team) -> None:
    team.own_everything_here()
    create = team.member.create
    assert create(runner(team.namespace, scopes=["api"])).is_refused("grant-scopes")
    assert create(user_token(team.namespace)).is_refused("grant-users")
    assert create(application(team.namespace)).is_refused("use-issuers")


def test_the_granter_grants_everything(team: Team) -> None:
    team.bind("mintmaster-granter")
    team.rights.wait(team.user, verb="use", group="mintmaster.dev", resource="tokenissuers")
    body = user_token(
        team.namespace, scopes=["api"], roles=["Editor"], projects=["*"], token={"audiences": ["x"]}
    )
    _ = team.member.create(body, dry_run=True).passed
    _ = team.member.create(application(team.namespace, clientId="robot"), dry_run=True).passed


def test_a_runner_without_scopes_needs_no_grant_of_its_own(team: Team) -> None:
    for spec in ({}, {"type": "Group", "group": "7"}, {"type": "Project", "project": "3"}):
        _ = team.member.create(runner(team.namespace, **spec), dry_run=True).passed


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({}, "Instance"),
        ({"type": "Group", "group": "7"}, "Group:7"),
        ({"type": "Project", "project": "3"}, "Project:3"),
    ],
)
def test_a_runner_can_be_withheld(outsider: Team, spec: Object, named: str) -> None:
    outsider.give("use", "tokenissuers", "default")
    refused = outsider.member.create(runner(outsider.namespace, **spec), dry_run=True)
    assert refused.is_refused("grant-runners", "spec.type", f"'{named}'", "grant", "'runners'")
    outsider.give("grant", "runners", named)
    _ = outsider.member.create(runner(outsider.namespace, **spec), dry_run=True).passed


def test_a_token_speaks_for_nobody_who_was_not_granted(team: Team) -> None:
    refused = team.member.create(user_token(team.namespace), dry_run=True)
    assert refused.is_refused("grant-users", "spec.user", f"'{USER}'", "grant", "'users'")
    team.give("grant", "users", USER)
    _ = team.member.create(user_token(team.namespace), dry_run=True).passed
    assert team.member.create(user_token(team.namespace, "bob"), dry_run=True).is_refused(
        "grant-users"
    )


def test_how_a_user_is_called_is_a_matter_of_who_may_grant_them(team: Team) -> None:
    body = team.admin.create(user_token(team.namespace)).passed
    rename = {"spec": {"user": {"username": "root"}}}
    assert team.member.patch(body, rename).is_refused("grant-users", "spec.user")
    _ = team.member.patch(body, {"spec": {"description": "for the report"}}).passed
    team.give("grant", "users", USER)
    _ = team.member.patch(body, rename).passed


def test_a_client_id_of_ones_own_choice_needs_a_grant(trusted: Team) -> None:
    create, namespace = trusted.member.create, trusted.namespace
    own = f"{namespace}.robot"
    for spec in ({}, {"clientId": own}):
        _ = create(application(namespace, **spec), dry_run=True).passed
    chosen = application(namespace, clientId="robot")
    words = ("spec.clientId", "'robot'", "grant", "'clientids'", own)
    assert create(chosen, dry_run=True).is_refused("grant-clientids", *words)
    trusted.give("grant", "clientids", "robot")
    _ = create(chosen, dry_run=True).passed


def test_an_issuer_is_used_by_those_who_may(team: Team) -> None:
    create, namespace = team.member.create, team.namespace
    other = runner(namespace, issuerRef={"name": "other"})
    words = ("spec.issuerRef.name", "'other'", "use", "'tokenissuers'")
    assert create(other, dry_run=True).is_refused("use-issuers", *words)
    exchanged = runner(namespace, exchange={"serviceAccounts": ["default"], "issuer": "other"})
    words = ("spec.exchange.issuer", "'other'", "use", "'tokenissuers'")
    assert create(exchanged, dry_run=True).is_refused("use-issuers", *words)
    team.give("use", "tokenissuers", "other")
    _ = create(other, dry_run=True).passed
    _ = create(exchanged, dry_run=True).passed


def test_another_issuer_of_exchanges_is_another_decision(team: Team) -> None:
    body = team.member.create(runner(team.namespace)).passed
    exchange = {"serviceAccounts": ["default"], "issuer": "other"}
    assert team.member.patch(body, {"spec": {"exchange": exchange}}).is_refused("use-issuers")
    _ = team.admin.patch(body, {"spec": {"exchange": exchange}}).passed
    _ = team.member.patch(body, {"spec": {"description": "as before"}}).passed
    _ = team.member.patch(body, {"spec": {"exchange": None}}).passed
