"""Grants of an issuer: which namespaces may have which rights."""

from enum import StrEnum
from typing import Annotated, ClassVar

import msgspec

from mintmaster.api.schema import (
    MAX_SUBJECT_LENGTH,
    Audience,
    LabelValue,
    Model,
    Project,
    Role,
    Rule,
    Scope,
    described,
    nested_set,
)

MAX_GRANT_ENTRIES = 64
"""Entries of one list of a grant; more would make a grant that nobody can review."""


class SelectorOperator(StrEnum):
    """Operators of a `metav1.LabelSelectorRequirement`."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class LabelSelectorRequirement(Model, frozen=True, kw_only=True):
    """One expression of a label selector."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
            "values are needed with the operators In and NotIn, and impossible with the others",
            ".values",
        ),
    )

    key: Annotated[str, described("Key of the label.", min_length=1, max_length=317)]
    operator: Annotated[
        SelectorOperator, described("How the label is compared: In, NotIn, Exists, DoesNotExist.")
    ]
    values: Annotated[
        tuple[LabelValue, ...],
        nested_set("Values for In and NotIn; none for the others.", max_items=16),
    ] = ()


class LabelSelector(Model, frozen=True, kw_only=True):
    """A `metav1.LabelSelector`; all of its parts must hold."""

    # Elsewhere in Kubernetes an empty selector selects everything: too easily granted by mistake.
    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.matchLabels) && size(self.matchLabels) > 0 "
            "|| has(self.matchExpressions) && size(self.matchExpressions) > 0",
            "selector must not be empty: to grant something to all namespaces, say names: ['*']",
        ),
    )

    match_labels: Annotated[
        dict[str, LabelValue], described("Labels and their values.", max_properties=16)
    ] = msgspec.field(default_factory=dict)
    match_expressions: Annotated[
        tuple[LabelSelectorRequirement, ...],
        described("Expressions on labels.", max_items=16, list_type="atomic"),
    ] = ()


NamespacePattern = Annotated[str, described(min_length=1, max_length=63, pattern="^[-a-z0-9*]+$")]


class NamespaceSelection(Model, frozen=True, kw_only=True):
    """Namespaces, selected by name or by label: either suffices."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.names) || has(self.selector)",
            "namespaces must select by names, by selector, or by both",
        ),
    )

    names: Annotated[
        tuple[NamespacePattern, ...],
        nested_set(
            "Names of namespaces, in which * stands for any characters: ci, team-*; * alone "
            "means all.",
            max_items=MAX_GRANT_ENTRIES,
        ),
    ] = ()
    selector: Annotated[
        LabelSelector | None,
        described("Labels of namespaces, beside those selected by name; it must not be empty."),
    ] = None


GrantedKind = Annotated[
    str,
    described(
        max_length=63, pattern="^([*]|RunnerRegistration|UserAccessToken|ClientApplication)$"
    ),
]
GrantedRunnerType = Annotated[
    str, described(max_length=63, pattern="^([*]|Instance|Group|Project)$")
]
GrantedSubject = Annotated[
    str, described(min_length=1, max_length=MAX_SUBJECT_LENGTH, pattern="^[!-~]+$")
]
ClientId = Annotated[str, described(min_length=1, max_length=128, pattern="^[!-~]+$")]


class Grant(Model, frozen=True, kw_only=True):
    """What the selected namespaces may have. A field left out grants none; `*` alone grants all."""

    namespaces: Annotated[
        NamespaceSelection, described("Namespaces whose resources are granted this.")
    ]
    kinds: Annotated[
        tuple[GrantedKind, ...],
        nested_set(
            "Kinds of resources: RunnerRegistration, UserAccessToken, ClientApplication, or * for "
            "all.",
            max_items=4,
        ),
    ] = ()
    subjects: Annotated[
        tuple[GrantedSubject, ...],
        nested_set(
            "Who tokens may speak for, such as user:*@team.example or runner:<namespace>:*, where "
            "<namespace> stands for the resource's own and * for any characters.",
            max_items=MAX_GRANT_ENTRIES,
        ),
    ] = ()
    runner_types: Annotated[
        tuple[GrantedRunnerType, ...],
        nested_set("Types of runners: Instance, Group, Project, or * for all.", max_items=4),
    ] = ()
    projects: Annotated[
        tuple[Project, ...],
        nested_set("Projects of runners and of users, or * for all.", max_items=MAX_GRANT_ENTRIES),
    ] = ()
    groups: Annotated[
        tuple[Project, ...],
        nested_set("Groups of runners, or * for all.", max_items=MAX_GRANT_ENTRIES),
    ] = ()
    scopes: Annotated[
        tuple[Scope, ...],
        nested_set(
            "Scopes, also those that roles give, or * for all.", max_items=MAX_GRANT_ENTRIES
        ),
    ] = ()
    roles: Annotated[
        tuple[Role, ...], nested_set("Roles, or * for all.", max_items=MAX_GRANT_ENTRIES)
    ] = ()
    audiences: Annotated[
        tuple[Audience, ...],
        nested_set(
            "Audiences beside the issuer's own, which are always granted, or * for all.",
            max_items=MAX_GRANT_ENTRIES,
        ),
    ] = ()
    client_ids: Annotated[
        tuple[ClientId, ...],
        nested_set(
            "Client ids other than <namespace>.<name>, or * for all.", max_items=MAX_GRANT_ENTRIES
        ),
    ] = ()
    unlimited: Annotated[
        bool,
        described("Whether tokens with delivery Caller may be without expiry; false by default."),
    ] = False
