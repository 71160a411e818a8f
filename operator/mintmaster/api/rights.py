"""What a token entitles to: the rights that are asked for, granted, and recorded."""

from typing import Annotated

from mintmaster.api.schema import (
    MAX_SUBJECT_LENGTH,
    Audience,
    Model,
    Project,
    Role,
    Scope,
    described,
)


class Rights(Model, frozen=True, kw_only=True):
    """Rights of one token, as they were granted when it was minted."""

    subject: Annotated[
        str,
        described(
            "Who the token speaks for: runner:<namespace>:<name>, user:<email> or app:<client id>.",
            max_length=MAX_SUBJECT_LENGTH,
        ),
    ]
    audiences: Annotated[
        tuple[Audience, ...],
        described("Services that the token is meant for.", max_items=16, list_type="atomic"),
    ] = ()
    scopes: Annotated[
        tuple[Scope, ...],
        described(
            "Scopes of the spec and of its roles together.", max_items=528, list_type="atomic"
        ),
    ] = ()
    roles: Annotated[
        tuple[Role, ...], described("Roles of the spec.", max_items=16, list_type="atomic")
    ] = ()
    projects: Annotated[
        tuple[Project, ...],
        described(
            "Projects that the rights hold in; none means none, * means all.",
            max_items=16,
            list_type="atomic",
        ),
    ] = ()
