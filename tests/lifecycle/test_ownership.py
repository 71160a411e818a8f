"""Whose a Secret is: every combination of labels, controller, type, policy and annotation (I9)."""

from itertools import product

import pytest

from lifecycle.build import UID, having, kind_of, meta, runner, user_token
from lifecycle.simulation import Life, StoredSecret, settled
from mintmaster.api import names
from mintmaster.api.meta import ObjectMeta, OwnerReference
from mintmaster.api.token_spec import AdoptionPolicy
from mintmaster.lifecycle import ownership
from mintmaster.lifecycle.ownership import Claim, Holder
from mintmaster.lifecycle.secret_view import SecretView

LABELS = {
    "none": {},
    "foreign": {names.LABEL_MANAGED_BY: "Helm", names.LABEL_NAME: "laptop"},
    "partial": {names.LABEL_MANAGED_BY: names.MANAGED_BY, names.LABEL_NAME: "laptop"},
    "ours": {"kind": "UserAccessToken", "name": "laptop", "uid": UID},
    "former": {"kind": "UserAccessToken", "name": "laptop", "uid": "former"},
    "other name": {"kind": "UserAccessToken", "name": "other", "uid": "others"},
    "other kind": {"kind": "RunnerRegistration", "name": "laptop", "uid": "others"},
}
CONTROLLERS = {
    "none": None,
    "ours": ("UserAccessToken", UID),
    "former": ("UserAccessToken", "former"),
    "others": ("RunnerRegistration", "others"),
    "foreign": ("Certificate", "cert"),
}
CONSENTS = {"none": None, "this": "laptop", "other": "other"}


def labels(which: str) -> dict[str, str]:
    named = LABELS[which]
    if "kind" not in named:
        return named
    return {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_KIND: named["kind"],
        names.LABEL_NAME: named["name"],
        names.LABEL_UID: named["uid"],
    }


def owners(which: str) -> tuple[OwnerReference, ...]:
    found = CONTROLLERS[which]
    if found is None:
        return ()
    kind, uid = found
    return (OwnerReference(api_version="v1", kind=kind, name="x", uid=uid, controller=True),)


def view(
    label: str = "none", controller: str = "none", consent: str = "none", type_: str = "Opaque"
) -> SecretView:
    named = CONSENTS[consent]
    return SecretView(
        metadata=ObjectMeta(
            name="laptop-token",
            labels=labels(label),
            annotations={names.ANNOTATION_ADOPT_BY: named} if named else {},
            owner_references=owners(controller),
        ),
        type=type_,
    )


def claim(seen: SecretView | None, policy: AdoptionPolicy = AdoptionPolicy.NEVER) -> Claim:
    resource = user_token(having("secret.adoption_policy", policy))
    return ownership.claim(kind_of(resource), resource, seen)


BY_LABELS_AND_CONTROLLER = {
    # No controller: labels decide, and what has none of ours is for the policy (below).
    ("none", "none"): Claim.FOREIGN,
    ("foreign", "none"): Claim.FOREIGN,
    ("partial", "none"): Claim.FOREIGN,
    ("ours", "none"): Claim.OURS,
    ("former", "none"): Claim.TAKE_OVER,
    ("other name", "none"): Claim.FOREIGN,
    ("other kind", "none"): Claim.FOREIGN,
    # A former life's Secret that still has its owner is about to be collected.
    ("former", "former"): Claim.LEAVING,
} | {(label, "ours"): Claim.OURS for label in LABELS}
"""What is not named here has a foreign controller: never touched."""


@pytest.mark.parametrize(
    ("label", "controller", "policy", "consent"),
    list(product(LABELS, CONTROLLERS, AdoptionPolicy, CONSENTS)),
)
def test_the_whole_table(label: str, controller: str, policy: AdoptionPolicy, consent: str) -> None:
    expected = BY_LABELS_AND_CONTROLLER.get((label, controller), Claim.FOREIGN)
    unmarked = label in {"none", "foreign", "partial"} and controller == "none"
    if unmarked and policy == AdoptionPolicy.IF_UNOWNED and consent == "this":
        expected = Claim.TAKE_OVER

    assert claim(view(label, controller, consent), policy) is expected


@pytest.mark.parametrize(
    ("label", "controller", "policy"), list(product(LABELS, CONTROLLERS, AdoptionPolicy))
)
def test_a_secret_of_another_type_is_never_touched(
    label: str, controller: str, policy: AdoptionPolicy
) -> None:
    seen = view(label, controller, "this", "kubernetes.io/service-account-token")

    assert claim(seen, policy) is Claim.FOREIGN


def test_where_there_is_no_secret_the_name_is_free() -> None:
    assert claim(None) is Claim.FREE


def test_an_owner_that_does_not_control_does_not_count() -> None:
    mine = OwnerReference(api_version="v1", kind="UserAccessToken", name="laptop", uid=UID)
    seen = SecretView(metadata=ObjectMeta(name="laptop-token", owner_references=(mine,)))

    assert claim(seen) is Claim.FOREIGN


@pytest.mark.parametrize("label", LABELS)
def test_labels_name_a_holder_only_all_together(label: str) -> None:
    named = LABELS[label]
    expected = Holder(named["kind"], named["name"], named["uid"]) if "kind" in named else None

    assert ownership.holder_of(view(label)) == expected


@pytest.mark.parametrize(("name", "expected"), [(None, "laptop-token"), ("admin", "admin")])
def test_the_name_of_the_secret(name: str | None, expected: str) -> None:
    assert ownership.secret_name(user_token(having("secret.name", name))) == expected


def test_two_resources_never_both_hold_one_secret() -> None:
    one, other = user_token(), runner(meta("name", "laptop"), meta("uid", "others"))
    for label, controller in product(LABELS, CONTROLLERS):
        seen = view(label, controller)
        claims = [ownership.claim(kind_of(each), each, seen) for each in (one, other)]
        assert claims.count(Claim.OURS) <= 1


@pytest.mark.parametrize("label", [names.LABEL_UID, names.LABEL_NAME, names.LABEL_KIND])
def test_a_label_that_was_edited_is_put_right_with_the_same_token(label: str) -> None:
    life = settled()
    before = life.current
    life.stored.labels[label] = "edited"

    life.settle()

    assert life.stored.labels[label] != "edited"
    assert (life.current, life.reason()) == (before, "True Issued")


def test_a_secret_that_was_restored_without_its_owner_is_taken_over_with_another_token() -> None:
    former = settled()
    life = Life(user_token(meta("uid", "new")), secret=former.stored)
    life.stored.owners = ()
    old_token = life.stored.data["token"]

    life.settle()

    assert life.reason() == "True Issued"
    assert life.stored.data["token"] != old_token
    assert life.stored.labels[names.LABEL_UID] == "new"


def test_a_secret_that_a_tenant_prepared_is_overwritten_only_with_the_consent_on_it() -> None:
    life = Life(user_token(having("secret.adoption_policy", AdoptionPolicy.IF_UNOWNED)))
    life.secret = StoredSecret({"password": b"precious"})
    assert life.settle().reason() == "False SecretConflict"

    life.stored.annotations[names.ANNOTATION_ADOPT_BY] = "laptop"

    assert life.settle().reason() == "True Issued"
    assert set(life.stored.data) == {"token"}
