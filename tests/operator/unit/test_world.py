"""The operator's picture of the cluster, and the indexes that decisions ask for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lifecycle.build import (
    HOUR,
    NOW,
    application,
    for_caller,
    having,
    kind_of,
    meta,
    runner,
    status,
    user_token,
)
from lifecycle.simulation import settled
from mintmaster.api import names
from mintmaster.api.client_application import ClientApplication
from mintmaster.api.meta import ObjectMeta
from mintmaster.lifecycle.identity import seniority
from mintmaster.lifecycle.secret_view import SecretView
from mintmaster.operator.queue import Key
from mintmaster.operator.world import SECRET, World, slim

if TYPE_CHECKING:
    from lifecycle.build import (
        Modifier,
    )
    from mintmaster.api.kinds import TokenResource

DIGEST = "A" * 43


@pytest.fixture
def world() -> World:
    return World(monotonic=lambda: 0.0)


def key_of(resource: TokenResource) -> Key:
    return Key(kind_of(resource), resource.metadata.namespace, resource.metadata.name)


def observe(world: World, resource: TokenResource, *, listed: bool = False) -> Key:
    key = key_of(resource)
    world.observe(key, resource, listed=listed)
    return key


def born(name: str, *, age: timedelta = HOUR, uid: str | None = None) -> Modifier:
    """Give a resource a name and a UID of its own, and an age."""

    def modify(resource: TokenResource) -> TokenResource:
        for path, value in (
            ("name", name),
            ("uid", uid or name),
            ("creation_timestamp", NOW - age),
        ):
            resource = meta(path, value)(resource)
        return resource

    return modify


def holder(name: str, *, age: timedelta = HOUR, uid: str | None = None) -> TokenResource:
    """A resource whose caller handed in the one digest."""
    return user_token(for_caller(DIGEST), born(name, age=age, uid=uid))


def test_a_resource_is_known_as_it_was_seen_without_what_no_decision_reads(world: World) -> None:
    annotations = {names.ANNOTATION_ROTATE: "1", "kubectl.kubernetes.io/last-applied": "{}" * 99}
    resource = user_token(meta("labels", {"a": "b"}), meta("annotations", annotations))

    key = observe(world, resource)

    known = world.resource(key)
    assert known is not None
    assert known.metadata.labels == {}
    assert known.metadata.annotations == {names.ANNOTATION_ROTATE: "1"}
    assert (known.spec, known.status) == (resource.spec, resource.status)
    assert slim(known) == known


def test_a_whole_life_survives_being_packed(world: World) -> None:
    resource = settled().resource

    key = observe(world, resource)

    assert world.resource(key) == resource
    assert world.uid_of(key) == resource.metadata.uid


def test_kinds_do_not_share_names(world: World) -> None:
    one = observe(world, user_token(meta("name", "same")))
    other = observe(world, runner(meta("name", "same"), meta("uid", "r")))

    assert (world.uid_of(one), world.uid_of(other)) == (user_token().metadata.uid, "r")
    assert sorted(world.keys_in("team")) == sorted([one, other])
    assert world.keys_in("elsewhere") == []


def test_resources_are_found_by_their_issuer(world: World) -> None:
    one = observe(world, user_token())
    other = observe(world, runner(having("issuer_ref.name", "special")))

    assert world.keys_of_issuer("default") == [one]
    assert world.keys_of_issuer("special") == [other]
    assert world.keys_of_issuer("unknown") == []


def test_a_resource_that_is_gone_leaves_nothing_behind(world: World) -> None:
    resource = holder("a")
    key = observe(world, status("recent_issues", (NOW,))(resource))
    assert not world.forget(key, "of another life")

    assert world.forget(key, "a")

    assert world.resource(key) is None
    assert world.issues_in("team") == ()
    assert (world._claimants, world._claims_of, world._issues) == ({}, {}, {})
    assert not world.forget(key)


def test_applications_that_claim_one_client_id_of_one_issuer_are_rivals(world: World) -> None:
    mine = application(having("client_id", "portal"), born("mine"))
    by_default = application(having("client_id", "team.portal"), born("named"))
    key = observe(world, mine)
    observe(world, application(having("client_id", "portal"), born("rival")))
    observe(world, application(having("client_id", "other"), born("other")))
    elsewhere = having("issuer_ref.name", "elsewhere")
    observe(world, application(having("client_id", "portal"), elsewhere, born("elsewhere")))
    unnamed = observe(world, by_default)

    assert rivals(world, key) == ["rival"]
    assert rivals(world, unnamed) == []
    observe(world, application(born("portal")))
    assert rivals(world, unnamed) == ["portal"]
    world.forget(Key(kind_of(mine), "team", "rival"))
    assert rivals(world, key) == []


def rivals(world: World, key: Key) -> list[str]:
    known = world.resource(key)
    assert isinstance(known, ClientApplication)
    return [rival.metadata.name for rival in world.rivals(key, known)]


def test_a_client_id_is_no_digest(world: World) -> None:
    key = observe(world, holder("a"))
    observe(world, application(having("client_id", DIGEST), born("b", age=2 * HOUR)))

    known = world.resource(key)
    assert known is not None
    assert not world.has_older_holder(key, known)


def test_the_issues_of_a_namespace_are_those_of_all_its_resources_oldest_first(
    world: World,
) -> None:
    late, early = NOW - timedelta(minutes=1), NOW - timedelta(minutes=9)
    key = observe(world, user_token(status("recent_issues", (late,))))
    observe(world, runner(status("recent_issues", (early, NOW))))
    elsewhere = user_token(meta("namespace", "b"), status("recent_issues", (NOW,)))
    observe(world, elsewhere)

    assert world.issues_in("team") == (early, late, NOW)

    world.wrote(key, user_token(meta("resource_version", "2"), status("recent_issues", ())))
    assert world.issues_in("team") == (early, NOW)
    assert world.issues_in("nowhere") == ()


def test_an_older_event_after_an_own_write_changes_no_index(world: World) -> None:
    key = key_of(user_token())
    world.wrote(key, user_token(meta("resource_version", "9"), status("recent_issues", (NOW,))))

    assert not world.observe(key, user_token(meta("resource_version", "8")), listed=False)

    assert world.issues_in("team") == (NOW,)


def test_a_list_that_was_read_before_an_own_write_does_not_undo_it(world: World) -> None:
    # Else the token that was just recorded would be minted a second time.
    key = key_of(user_token())
    world.wrote(key, user_token(meta("resource_version", "9"), status("revision", 1)))

    assert not world.observe(key, user_token(meta("resource_version", "8")), listed=True)

    known = world.resource(key)
    assert known is not None
    assert known.status.revision == 1


def test_the_oldest_keeps_a_digest(world: World) -> None:
    old, young = holder("old", age=2 * HOUR), holder("young")
    observe(world, young)
    assert not world.has_older_holder(key_of(young), young)

    observe(world, old)

    assert world.has_older_holder(key_of(young), young)
    assert not world.has_older_holder(key_of(old), old)
    world.forget(key_of(old))
    assert not world.has_older_holder(key_of(young), young)


def test_of_two_that_are_as_old_the_smaller_uid_keeps_it(world: World) -> None:
    one, other = holder("a", uid="1"), holder("b", uid="2")
    observe(world, one)
    observe(world, other)

    assert world.has_older_holder(key_of(other), other)
    assert not world.has_older_holder(key_of(one), one)


def test_a_digest_that_stands_in_a_status_counts_too(world: World) -> None:
    minted = settled(born("victim", age=2 * HOUR)).resource
    stolen = minted.status.tokens[0].digest
    thief = user_token(for_caller(stolen), born("thief"))
    observe(world, minted)
    observe(world, thief)

    assert world.has_older_holder(key_of(thief), thief)


def test_a_resource_without_a_digest_conflicts_with_nobody(world: World) -> None:
    observe(world, holder("a", age=2 * HOUR))
    plain = user_token()
    observe(world, plain)

    assert not world.has_older_holder(key_of(plain), plain)


def test_a_digest_that_is_given_up_is_free(world: World) -> None:
    old, young = holder("old", age=2 * HOUR), holder("young")
    observe(world, old)
    observe(world, young)

    world.wrote(key_of(old), for_caller("B" * 43)(old))

    assert not world.has_older_holder(key_of(young), young)


def test_secrets_are_known_by_name(world: World) -> None:
    view = SecretView(metadata=ObjectMeta(name="s", namespace="team", uid="s"), data_digest="d")
    world.secrets.observe(Key(SECRET, "team", "s"), view)

    assert world.secret("team", "s") == view
    assert world.secret("team", "other") is None


def test_seniority_is_by_creation_then_by_uid() -> None:
    young, old, twin = (it.metadata for it in (holder("x"), holder("y", age=2 * HOUR), holder("a")))

    assert sorted([young, old, twin], key=seniority) == [old, twin, young]
