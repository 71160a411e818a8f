"""RunnerRegistration: a runner, and the token that it authenticates with."""

from enum import StrEnum
from typing import Annotated, ClassVar

from mintmaster.api.meta import ObjectMeta
from mintmaster.api.schema import (
    Model,
    Project,
    Rule,
    Scope,
    Tag,
    described,
    duration,
    unchanged,
    unique,
)
from mintmaster.api.status import TokenStatus
from mintmaster.api.token_spec import MINTED_ROOT_RULES, MintedSpec


class RunnerType(StrEnum):
    """Whose jobs a runner takes."""

    INSTANCE = "Instance"
    GROUP = "Group"
    PROJECT = "Project"


class AccessLevel(StrEnum):
    """Which refs a runner takes jobs of."""

    NOT_PROTECTED = "NotProtected"
    REF_PROTECTED = "RefProtected"


class RunnerRegistrationSpec(MintedSpec, frozen=True, kw_only=True):
    """What runner is registered, and how its token is made and delivered."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        *MintedSpec.RULES,
        unchanged("type", "type cannot be changed: create a new resource"),
        Rule(
            "(has(self.project) ? self.project : '') == "
            "(has(oldSelf.project) ? oldSelf.project : '')",
            "project cannot be changed: create a new resource",
            ".project",
        ),
        Rule(
            "(has(self.group) ? self.group : '') == (has(oldSelf.group) ? oldSelf.group : '')",
            "group cannot be changed: create a new resource",
            ".group",
        ),
        Rule(
            "(self.type == 'Project') == has(self.project)",
            "project is required with type Project, and impossible with the others",
            ".project",
        ),
        Rule(
            "(self.type == 'Group') == has(self.group)",
            "group is required with type Group, and impossible with the others",
            ".group",
        ),
        Rule(
            "self.runUntagged || (has(self.tags) && size(self.tags) > 0)",
            "tags must have at least one entry if runUntagged is false: the runner would take no "
            "job at all",
            ".tags",
        ),
    )

    type: Annotated[
        RunnerType,
        described(
            "Whose jobs the runner takes: those of the whole Instance, of one Group or of one "
            "Project. It cannot be changed."
        ),
    ]
    project: Annotated[
        Project | None,
        described("The project of a runner of type Project. It cannot be changed."),
    ] = None
    group: Annotated[
        Project | None, described("The group of a runner of type Group. It cannot be changed.")
    ] = None
    description: Annotated[
        str, described("What the runner is, for people; up to 1024 characters.", max_length=1024)
    ] = ""
    maintenance_note: Annotated[
        str,
        described(
            "Note for those who maintain the runner; up to 1024 characters.", max_length=1024
        ),
    ] = ""
    tags: Annotated[
        tuple[Tag, ...],
        unique("tags", "Tags of the jobs that the runner takes; up to 50.", max_items=50),
    ] = ()
    run_untagged: Annotated[
        bool,
        described(
            "Whether the runner takes jobs without tags, too; true by default. false demands at "
            "least one tag."
        ),
    ] = True
    locked: Annotated[
        bool,
        described("Whether the runner stays with its present project; false by default."),
    ] = False
    paused: Annotated[
        bool,
        described("Whether the runner takes no new jobs for the time being; false by default."),
    ] = False
    access_level: Annotated[
        AccessLevel,
        described(
            "Which refs the runner takes jobs of: all of them (NotProtected, the default), or only "
            "protected ones (RefProtected)."
        ),
    ] = AccessLevel.NOT_PROTECTED
    maximum_timeout: Annotated[
        str | None,
        duration(
            "maximumTimeout",
            "Longest time that a job may take, such as 1h: at least 10m; no limit by default.",
            at_least="10m",
        ),
    ] = None
    scopes: Annotated[
        tuple[Scope, ...],
        unique(
            "scopes",
            "Scopes beyond what every runner may do; none by default, each needs a grant. "
            "Changing them issues a new token.",
            max_items=16,
        ),
    ] = ()


class RunnerRegistration(Model, frozen=True, kw_only=True):
    """A runner, and the token that it authenticates with, delivered in a Secret and renewed."""

    RULES: ClassVar[tuple[Rule, ...]] = MINTED_ROOT_RULES

    metadata: ObjectMeta
    spec: Annotated[
        RunnerRegistrationSpec,
        described("What runner is registered, and how its token is made and delivered."),
    ]
    status: Annotated[TokenStatus, described("What was issued; written by the operator.")] = (
        TokenStatus()
    )
