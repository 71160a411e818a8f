"""What the Secret of a resource contains, and how it is recognized without its content."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.build import UID, having, rotation, runner, user_token
from lifecycle.simulation import Life, settled
from lifecycle.situations import SITUATIONS
from mintmaster.api import names
from mintmaster.api.token_spec import DeletionPolicy
from mintmaster.lifecycle.identity import new_token_id, numeric_id
from mintmaster.lifecycle.secret_view import (
    MAX_DIGESTED_TOKEN_BYTES,
    Reading,
    SecretView,
    digest_of_data,
    view_of,
)
from mintmaster.tokens.digests import digest

DATA = st.dictionaries(st.text("abc", min_size=1, max_size=4), st.binary(max_size=8), max_size=4)


def test_a_secret_says_whose_it_is_which_revision_and_until_when() -> None:
    life = settled()

    stored = life.stored

    assert stored.labels == {
        names.LABEL_MANAGED_BY: "mintmaster",
        names.LABEL_KIND: "UserAccessToken",
        names.LABEL_NAME: "laptop",
        names.LABEL_UID: UID,
    }
    assert stored.annotations == {
        names.ANNOTATION_REVISION: "1",
        names.ANNOTATION_EXPIRES_AT: "2026-03-31T12:00:00Z",
        names.ANNOTATION_DIGEST: digest_of_data(stored.data),
    }
    (owner,) = stored.owners
    assert (owner.uid, owner.controller, owner.block_owner_deletion) == (UID, True, False)


def test_an_orphan_to_be_has_no_owner() -> None:
    life = settled(having("secret.deletion_policy", DeletionPolicy.ORPHAN))

    assert life.stored.owners == ()
    assert (
        life.change(having("secret.deletion_policy", DeletionPolicy.DELETE)).settle().stored.owners
    )


def test_every_placeholder_is_filled_in() -> None:
    template = {"all": "\n".join(f"{name}={{{{ {name} | json }}}}" for name in sorted(_FILLED))}
    life = Life(runner(having("secret.template.data", template), having("description", 'a "b"')))

    life.settle()

    lines = dict(line.split("=", 1) for line in life.stored.data["all"].decode().splitlines())
    found = {name: json.loads(value) for name, value in lines.items()}
    assert found == _FILLED | {"token": life.stored.data["token"].decode()}


_FILLED = {
    "token": "",
    "previous_token": "",
    "expires_at": "2026-03-31T12:00:00Z",
    "issuer": "https://tokens.example.org",
    "subject": "runner:team:linux",
    "name": "linux",
    "namespace": "team",
    "id": str(numeric_id(UID)),
    "tags": "linux,docker",
    "description": 'a "b"',
}


@pytest.mark.parametrize("key", ["file", "further"])
def test_keys_that_somebody_edits_or_adds_are_put_right_with_the_same_token(key: str) -> None:
    life = settled(having("secret.template.data", {"file": "{{ token }}"}))
    data, revision = dict(life.stored.data), life.status.revision
    life.stored.data[key] = b"edited"

    life.settle()

    assert (life.stored.data, life.status.revision) == (data, revision)


def test_an_edit_that_forges_the_digest_is_found_when_the_content_is_looked_at() -> None:
    life = settled(having("secret.template.data", {"file": "{{ token }}"}))
    data = dict(life.stored.data)
    life.stored.data["file"] = b"edited"
    life.stored.annotations[names.ANNOTATION_DIGEST] = life.stored.view().data_digest
    assert life.settle().stored.data != data

    life.step(content_suspect=True)

    assert life.stored.data == data


@pytest.mark.parametrize("annotation", [names.ANNOTATION_REVISION, names.ANNOTATION_EXPIRES_AT])
def test_our_annotations_are_put_right_when_the_content_is_looked_at(annotation: str) -> None:
    life = settled()
    life.stored.annotations[annotation] = "edited"

    life.step(content_suspect=True)

    assert life.stored.annotations[annotation] != "edited"


@pytest.mark.parametrize(
    "situation",
    ["suspended", "keys lost and renewal due", "budget spent on rotations", "scope unknown"],
)
def test_what_holds_up_an_issue_does_not_hold_up_a_repair(situation: str) -> None:
    life = HELD_UP[situation]().settle()
    token = life.stored.data[life.resource.spec.secret.token_key]
    life.stored.labels.clear()
    life.change(having("secret.token_key", "renamed")).settle()

    assert life.stored.data == {"renamed": token}
    assert life.stored.labels[names.LABEL_NAME] == "laptop"


def _rotated_too_often() -> Life:
    life = settled(having("token.overlap", "0s"))
    for number in range(11):
        life.change(rotation(str(number))).settle()
    return life


HELD_UP = {
    **SITUATIONS,
    "suspended": lambda: settled().change(having("suspend", True), rotation("1")),
    "budget spent on rotations": _rotated_too_often,
}


def test_labels_and_annotations_of_others_stay() -> None:
    life = settled(having("secret.template.labels", {"tier": "web"}))
    life.stored.labels |= {"tier": "edited", "theirs": "kept"}
    life.stored.annotations["theirs"] = "kept"

    life.settle()

    assert (life.stored.labels["tier"], life.stored.labels["theirs"]) == ("web", "kept")
    assert life.stored.annotations["theirs"] == "kept"


def test_what_leaves_the_template_leaves_the_secret_and_nothing_of_others() -> None:
    life = settled(
        having("secret.template.labels", {"tier": "web", "team": "a"}),
        having("secret.template.annotations", {"example.org/a": "b"}),
    )
    life.stored.labels["theirs"] = "kept"
    life.stored.annotations["theirs"] = "kept"
    token, writes = life.stored.data["token"], life.secret_writes

    life.change(having("secret.template.labels", {"tier": "web"}))
    life.change(having("secret.template.annotations", {})).settle()

    own = {name for name in life.stored.labels if name.startswith("mintmaster.dev/")}
    assert life.stored.labels.keys() - own == {"tier", "theirs", names.LABEL_MANAGED_BY}
    assert "theirs" in life.stored.annotations
    assert "example.org/a" not in life.stored.annotations
    assert (life.stored.data["token"], life.secret_writes) == (token, writes + 1)


def test_a_secret_whose_template_is_emptied_remembers_nothing_more() -> None:
    life = settled(having("secret.template.labels", {"tier": "web"}))
    assert names.ANNOTATION_TEMPLATED in life.stored.annotations

    life.change(having("secret.template.labels", {})).settle()

    assert "tier" not in life.stored.labels
    assert names.ANNOTATION_TEMPLATED not in life.stored.annotations


def test_a_secret_of_an_older_version_is_not_written_for_its_memory_alone() -> None:
    life = settled(having("secret.template.labels", {"tier": "web"}))
    del life.stored.annotations[names.ANNOTATION_TEMPLATED]
    writes = life.secret_writes

    life.step(content_suspect=True)
    assert life.secret_writes == writes

    life.change(rotation("1")).settle()
    assert names.ANNOTATION_TEMPLATED in life.stored.annotations


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"labels": 3}', '{"labels": ["mintmaster.dev/name"]}']
)
def test_a_memory_that_somebody_edited_takes_nothing_of_the_operators_or_others(text: str) -> None:
    life = settled(having("secret.template.labels", {"tier": "web"}))
    life.stored.labels["theirs"] = "kept"
    expected = dict(life.stored.labels)
    life.stored.annotations[names.ANNOTATION_TEMPLATED] = text

    life.step(content_suspect=True)

    assert life.stored.labels == expected
    assert json.loads(life.stored.annotations[names.ANNOTATION_TEMPLATED]) == {"labels": ["tier"]}


def test_an_immutable_secret_is_written_anew_with_the_same_token() -> None:
    life = settled()
    token = life.stored.data["token"]
    life.stored.immutable = True

    life.settle()

    assert (life.stored.immutable, life.stored.data["token"]) == (False, token)


@given(DATA, DATA)
def test_different_contents_have_different_digests(
    one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    assert (digest_of_data(one) == digest_of_data(other)) is (one == other)
    assert digest_of_data(dict(reversed(one.items()))) == digest_of_data(one)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"e30.e30.c2ln", digest("e30.e30.c2ln")),
        (b"", digest("")),
        ("größe".encode(), ""),
        (b"a" * MAX_DIGESTED_TOKEN_BYTES, digest("a" * MAX_DIGESTED_TOKEN_BYTES)),
        (b"a" * (MAX_DIGESTED_TOKEN_BYTES + 1), ""),
    ],
)
def test_only_what_could_be_a_token_is_digested_as_one(value: bytes, expected: str) -> None:
    view = view_of(settled().stored.view().metadata, {"key": value})

    assert view.value_digests == {"key": expected}


def test_neither_a_view_nor_a_reading_shows_a_token() -> None:
    life = settled()
    token = life.stored.data["token"].decode()
    reading = life.facts(read=True).reading

    assert isinstance(reading, Reading)
    assert isinstance(reading.view, SecretView)
    assert token not in repr(reading)
    assert token not in repr(reading.view)
    assert token not in repr(life.facts(read=True))


def test_ids_are_positive_52_bit_numbers_that_every_process_computes_alike() -> None:
    assert numeric_id(UID) == numeric_id(str(UID))
    assert all(0 < numeric_id(f"uid-{number}") < 2**52 for number in range(1000))
    assert numeric_id("a") == 0xCA978112CA1BB


def test_no_two_tokens_share_a_name() -> None:
    made = {new_token_id(UID, 3) for _ in range(1000)}

    assert len(made) == 1000
    assert all(name.startswith(f"{UID}.3.") and len(name) == len(UID) + 35 for name in made)


def test_a_resource_without_a_secret_name_uses_its_own() -> None:
    assert user_token().spec.secret.name is None
