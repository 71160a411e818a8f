"""Whole lives: anything may happen in any order, and what must never be is never so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lifecycle.build import (
    EVERYTHING,
    application,
    decided,
    gate_issuer,
    having,
    issuing,
    meta,
    rotation,
    setting,
    user_token,
    wanting_approval,
)
from lifecycle.simulation import Life, StoredSecret
from mintmaster.api.client_application import ClientApplication
from mintmaster.api.names import ANNOTATION_DIGEST
from mintmaster.api.token_issuer import RoleDefinition, ScopeDefinition
from mintmaster.api.token_spec import Format
from mintmaster.lifecycle import rights
from mintmaster.lifecycle.restraints import MAX_TOKENS

SCOPES = ("read", "write", "admin")
SUBSETS = st.lists(st.sampled_from(SCOPES), unique=True).map(tuple)
ROLES = st.sampled_from([(), ("Reader",), ("Editor",), ("Reader", "Editor")])
OVERLAPS = ("0s", "5m", "1h", "9h")
LIFETIMES = (None, "10m", "12h", "24h", "9000h")
WAITS = st.sampled_from([1, 60, 299, 600, 3600, 30_000, 90_000])


class Lives(RuleBasedStateMachine):
    """Changes by people, issuers and time, with reconciliations and crashes between them."""

    TOKEN = "token"
    """Where the schedule stands, below spec."""
    KEY = "secret.token_key"
    PREVIOUS_KEY = "secret.previous_token_key"
    ENDLESS = False
    """Whether a token without a lifetime never expires."""

    def __init__(self) -> None:
        super().__init__()
        self.life = self.born().change(having(f"{self.TOKEN}.overlap", "1h"))
        self.numbers = count(1)

    def born(self) -> Life:
        return Life(user_token())

    @initialize(approval=st.booleans(), previous=st.booleans())
    def begin(self, approval: bool, previous: bool) -> None:
        if approval:
            self.life.alter_issuer(wanting_approval)
        if previous:
            self.life.change(having(self.PREVIOUS_KEY, "previous"))

    @rule(seconds=WAITS)
    def time_passes(self, seconds: int) -> None:
        self.life.wait(timedelta(seconds=seconds))

    @rule()
    def the_operator_looks(self) -> None:
        self.life.settle()

    @rule()
    def the_operator_crashes_between_its_writes(self) -> None:
        self.life.step(crash=True)

    @rule(content_suspect=st.booleans())
    def the_operator_looks_once(self, content_suspect: bool) -> None:
        self.life.step(content_suspect=content_suspect)

    @rule(scopes=SUBSETS)
    def scopes_are_edited(self, scopes: tuple[str, ...]) -> None:
        self.life.change(having("scopes", scopes))

    @rule(roles=ROLES)
    def roles_are_edited(self, roles: tuple[str, ...]) -> None:
        self.life.change(having("roles", roles))

    @rule(overlap=st.sampled_from(OVERLAPS), lifetime=st.sampled_from(LIFETIMES))
    def times_are_edited(self, overlap: str, lifetime: str | None) -> None:
        self.life.change(
            having(f"{self.TOKEN}.overlap", overlap), having(f"{self.TOKEN}.lifetime", lifetime)
        )

    @rule(key=st.sampled_from(["token", "t"]))
    def the_key_is_renamed(self, key: str) -> None:
        self.life.change(having(self.KEY, key))

    @rule(text=st.sampled_from(["{{ token | json }}", "{{ expires_at }}", "{{ nonsense }}"]))
    def a_template_is_edited(self, text: str) -> None:
        self.life.change(having("secret.template.data", {"file": text}))

    @rule()
    def a_rotation_is_asked_for(self) -> None:
        self.life.change(rotation(str(next(self.numbers))))

    @rule(verdict=st.sampled_from(["True", "False"]))
    def somebody_decides(self, verdict: str) -> None:
        # A status without a UID is no status yet, and whatever stands in it is void.
        if self.life.status.uid:
            self.life.change(decided(verdict))

    @rule()
    def the_secret_is_deleted(self) -> None:
        self.life.secret = None

    @rule()
    def an_older_token_is_pasted(self) -> None:
        if self.life.secret is not None:
            older = self.life.secret.data.get("previous", b"e30.bXkgb3du.c2ln")
            self.life.secret.data[self.life.resource.spec.secret.token_key] = older

    @rule(honest=st.booleans())
    def the_secret_is_edited(self, honest: bool) -> None:
        secret = self.life.secret
        if secret is not None:
            secret.data["file"] = b"edited"
            if not honest:
                secret.annotations[ANNOTATION_DIGEST] = secret.view().data_digest

    @rule()
    def labels_are_stripped(self) -> None:
        if self.life.secret is not None:
            self.life.secret.labels.clear()

    @rule()
    def somebody_elses_secret_takes_its_place(self) -> None:
        self.life.secret = StoredSecret({"password": b"precious"})

    @rule(scopes=SUBSETS)
    def the_grant_is_changed(self, scopes: tuple[str, ...]) -> None:
        self.life.alter_issuer(issuing("grants", (setting(EVERYTHING, "scopes", scopes),)))

    @rule(scopes=SUBSETS)
    def a_role_is_changed(self, scopes: tuple[str, ...]) -> None:
        roles = (
            RoleDefinition(name="Reader", scopes=("read",)),
            RoleDefinition(name="Editor", scopes=scopes),
        )
        self.life.alter_issuer(issuing("roles", roles))

    @rule()
    def a_scope_is_abolished(self) -> None:
        names = ("read", "write")
        roles = (
            RoleDefinition(name="Reader", scopes=("read",)),
            RoleDefinition(name="Editor", scopes=names),
        )
        scopes = tuple(ScopeDefinition(name=name) for name in names)
        self.life.alter_issuer(issuing("scopes", scopes), issuing("roles", roles))

    @rule()
    def the_key_is_withdrawn(self) -> None:
        view = self.life.issuer
        assert view is not None
        withdrawn = (*view.spec.withdrawn_keys, view.signing_key_id)
        fresh = f"key-{next(self.numbers) + 1}"
        self.life.alter_issuer(
            issuing("withdrawn_keys", withdrawn), lambda view: replace(view, signing_key_id=fresh)
        )

    @rule()
    def everything_before_now_is_voided(self) -> None:
        self.life.alter_issuer(issuing("not_before", self.life.now))

    @rule(trusted=st.booleans())
    def the_clock_is_off_or_not(self, trusted: bool) -> None:
        self.life.clock_trusted = trusted

    @rule()
    def it_is_restored_from_a_backup(self) -> None:
        self.life.change(meta("uid", f"life-{next(self.numbers)}"))
        self.life.secret = None

    @invariant()
    def no_more_tokens_than_a_status_can_hold(self) -> None:
        assert len(self.life.status.tokens) <= MAX_TOKENS

    @invariant()
    def every_token_has_a_name_and_a_revision_of_its_own(self) -> None:
        tokens = self.life.status.tokens
        assert len({token.id for token in tokens}) == len(tokens)
        assert len({token.revision for token in tokens}) == len(tokens)
        assert all(token.revision <= self.life.status.revision for token in tokens)

    @invariant()
    def nothing_is_on_record_that_was_not_delivered(self) -> None:
        assert {token.digest for token in self.life.status.tokens} <= self.life.delivered

    @invariant()
    def superseded_tokens_end_no_later_than_their_issue_allowed(self) -> None:
        for token in self.life.status.tokens:
            assert self.ENDLESS or token.expires_at is not None
            if token.expires_at is not None:
                assert token.valid_until is not None
                assert token.valid_until <= token.expires_at
        if not self.life.issued:
            return
        newest = self.life.status.tokens[:1]
        for token in self.life.status.tokens[1:]:
            assert token.valid_until is not None
            assert token.valid_until <= newest[0].issued_at + self.life.issued[-1].overlap

    @invariant()
    def once_it_rests_nothing_is_left_to_do_and_nobody_has_more_than_is_wanted(self) -> None:
        # A copy, so that looking at it does not change what happens next.
        life = replace(
            self.life,
            secret=replace(
                self.life.secret,
                data=dict(self.life.secret.data),
                labels=dict(self.life.secret.labels),
                annotations=dict(self.life.secret.annotations),
            )
            if self.life.secret
            else None,
            issued=list(self.life.issued),
            delivered=set(self.life.delivered),
        )
        life.settle()
        facts = life.facts()
        for token in life.active:
            assert not rights.exceeds(token.rights, facts.wanted_rights)
            assert not facts.not_granted(token.rights)
            assert token.key_id not in facts.known_issuer.withdrawn
        if life.reason().startswith("True"):
            assert facts.current is not None
            assert facts.held_key(facts.current) == life.resource.spec.secret.token_key
            assert facts.current in life.active
        assert life.status.observed_generation == life.resource.metadata.generation


class LivesOfTokens(Lives):
    """With what tokens have and client secrets have not."""

    @rule(format_=st.sampled_from(Format))
    def the_form_is_edited(self, format_: Format) -> None:
        self.life.change(having("token.format", format_))

    @rule(suspend=st.booleans())
    def it_is_suspended_or_not(self, suspend: bool) -> None:
        self.life.change(having("suspend", suspend))


class LivesOfApplications(Lives):
    """With what only applications have: a client id, an end of use, and client secrets without end."""

    TOKEN = "client_secret"
    KEY = "secret.client_secret_key"
    PREVIOUS_KEY = "secret.previous_client_secret_key"
    ENDLESS = True

    def born(self) -> Life:
        return Life(application(), gate_issuer())

    @rule(enabled=st.booleans(), lifetime=st.sampled_from([None, "1h", "11h"]))
    def its_use_is_edited(self, enabled: bool, lifetime: str | None) -> None:
        self.life.change(having("enabled", enabled), having("access_token_lifetime", lifetime))

    @rule(taken=st.booleans())
    def another_has_the_client_id_or_not(self, taken: bool) -> None:
        self.life.client_id_taken = taken

    @invariant()
    def a_client_id_that_is_on_record_is_its_own(self) -> None:
        resource = self.life.resource
        assert isinstance(resource, ClientApplication)
        assert resource.status.client_id in {"", resource.client_id}

    @invariant()
    def nobody_who_is_refused_has_a_good_client_secret_once_it_rests(self) -> None:
        if self.life.reason() == "False ClientIdConflict":
            assert self.life.active == ()


TestLives = LivesOfTokens.TestCase
TestLives.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)

TestLivesOfApplications = LivesOfApplications.TestCase
TestLivesOfApplications.settings = TestLives.settings
