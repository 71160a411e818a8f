"""UserAccessToken: a token that speaks for a user, with scopes and roles."""

from typing import Annotated, ClassVar

from mintmaster.api.meta import ObjectMeta
from mintmaster.api.schema import Model, Project, Role, Rule, Scope, described, unchanged, unique
from mintmaster.api.status import TokenStatus
from mintmaster.api.token_spec import MINTED_ROOT_RULES, MintedSpec

_LOCAL_PART = "[a-z0-9_+=~!#$%&'-]+(\\.[a-z0-9_+=~!#$%&'-]+)*"
_DOMAIN = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
EMAIL_PATTERN = f"^{_LOCAL_PART}@{_DOMAIN}$"
"""Addresses of users; at most 254 characters."""


class User(Model, frozen=True, kw_only=True):
    """The user that a token speaks for."""

    # `format: email` accepts `Bob <b@c.d>`. No `*`: an address must not read like a pattern.
    email: Annotated[
        str,
        described(
            "Address of the user in lower case, such as ada@example.org: it is who the token "
            "speaks for, and cannot be changed.",
            max_length=254,
            pattern=EMAIL_PATTERN,
        ),
    ]
    username: Annotated[
        str,
        described(
            "Name that the user logs in with, for services that show or want one.",
            max_length=128,
            pattern="^[A-Za-z0-9._@+-]*$",
        ),
    ] = ""
    full_name: Annotated[
        str, described("Name of the user, for people.", max_length=256, pattern="^\\P{C}*$")
    ] = ""


class UserAccessTokenSpec(MintedSpec, frozen=True, kw_only=True):
    """Who the token speaks for, what it may do, and how it is made and delivered."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        *MintedSpec.RULES,
        unchanged("user.email", "user.email cannot be changed: create a new resource"),
    )

    user: Annotated[User, described("The user that the token speaks for.")]
    scopes: Annotated[
        tuple[Scope, ...],
        unique(
            "scopes",
            "What the token may do, in the words of the issuer's scopes; up to 16. Changing them "
            "issues a new token.",
            max_items=16,
        ),
    ] = ()
    roles: Annotated[
        tuple[Role, ...],
        unique(
            "roles",
            "Roles of the user, each with the scopes that the issuer gives it; up to 16. Changing "
            "them issues a new token.",
            max_items=16,
        ),
    ] = ()
    projects: Annotated[
        tuple[Project, ...],
        unique(
            "projects",
            "Projects that the rights hold in; up to 16. None means none, * means all, and needs "
            "a grant. Changing them issues a new token.",
            max_items=16,
        ),
    ] = ()
    description: Annotated[
        str, described("What the token is for; up to 1024 characters.", max_length=1024)
    ] = ""


class UserAccessToken(Model, frozen=True, kw_only=True):
    """A token that speaks for a user, delivered in a Secret and renewed before it expires."""

    RULES: ClassVar[tuple[Rule, ...]] = MINTED_ROOT_RULES

    metadata: ObjectMeta
    spec: Annotated[
        UserAccessTokenSpec,
        described("Who the token speaks for, what it may do, and how it is delivered."),
    ]
    status: Annotated[TokenStatus, described("What was issued; written by the operator.")] = (
        TokenStatus()
    )
