"""The kinds of resources: their names, their models, and how `kubectl get` shows them."""

from dataclasses import dataclass, field
from typing import Final, Generic, TypeAlias, TypeVar

from mintmaster.api.client_application import ClientApplication
from mintmaster.api.runner_registration import RunnerRegistration
from mintmaster.api.token_issuer import TokenIssuer
from mintmaster.api.user_access_token import UserAccessToken

TokenResource: TypeAlias = RunnerRegistration | UserAccessToken | ClientApplication
"""A resource that a token is issued for."""

Resource: TypeAlias = TokenResource | TokenIssuer

M_co = TypeVar("M_co", bound=Resource, covariant=True)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; `wide` ones show with `-o wide` alone."""

    name: str
    json_path: str
    type: str = "string"
    wide: bool = False


@dataclass(frozen=True, slots=True)
class ResourceKind(Generic[M_co]):
    """One kind: its names in the API, its model, its columns and what it can be selected by."""

    kind: str
    plural: str
    singular: str
    short_name: str
    namespaced: bool
    model: type[M_co]
    columns: tuple[Column, ...] = field(repr=False)
    selectable: tuple[str, ...] = field(repr=False)

    @property
    def categories(self) -> tuple[str, ...]:
        """Return what `kubectl get CATEGORY` finds the kind by.

        A cluster-scoped kind among `minted` would answer tenants with Forbidden.
        """
        return ("minted", "mintmaster") if self.namespaced else ("mintmaster",)


def _of_condition(type_: str, field_name: str) -> str:
    return f'.status.conditions[?(@.type=="{type_}")].{field_name}'


_STATE: Final = Column("State", ".status.state")
_READY: Final = Column("Ready", _of_condition("Ready", "status"))
_REASON: Final = Column("Reason", _of_condition("Ready", "reason"), wide=True)
_SECRET: Final = Column("Secret", ".status.secretRef.name")
# A string, since columns of type date print `<invalid>` for times to come.
_EXPIRES: Final = Column("Expires", ".status.expiresAt")
_AGE: Final = Column("Age", ".metadata.creationTimestamp", type="date")

RUNNER_REGISTRATION: Final = ResourceKind(
    kind="RunnerRegistration",
    plural="runnerregistrations",
    singular="runnerregistration",
    short_name="rr",
    namespaced=True,
    model=RunnerRegistration,
    columns=(
        _STATE,
        _READY,
        Column("Type", ".spec.type"),
        _SECRET,
        _EXPIRES,
        _AGE,
        Column("Id", ".status.id", type="integer", wide=True),
        _REASON,
    ),
    selectable=(".spec.issuerRef.name", ".spec.type", ".status.state"),
)

USER_ACCESS_TOKEN: Final = ResourceKind(
    kind="UserAccessToken",
    plural="useraccesstokens",
    singular="useraccesstoken",
    short_name="uat",
    namespaced=True,
    model=UserAccessToken,
    columns=(
        Column("User", ".spec.user.email"),
        _STATE,
        _READY,
        _SECRET,
        _EXPIRES,
        _AGE,
        Column("Scopes", ".spec.scopes", wide=True),
        Column("Roles", ".spec.roles", wide=True),
        _REASON,
    ),
    selectable=(".spec.issuerRef.name", ".spec.user.email", ".status.state"),
)

CLIENT_APPLICATION: Final = ResourceKind(
    kind="ClientApplication",
    plural="clientapplications",
    singular="clientapplication",
    short_name="capp",
    namespaced=True,
    model=ClientApplication,
    columns=(
        Column("Client", ".status.clientId"),
        _STATE,
        _READY,
        _SECRET,
        _AGE,
        Column("Roles", ".spec.roles", wide=True),
        _REASON,
    ),
    selectable=(".spec.issuerRef.name", ".status.clientId", ".status.state"),
)

TOKEN_ISSUER: Final = ResourceKind(
    kind="TokenIssuer",
    plural="tokenissuers",
    singular="tokenissuer",
    short_name="ti",
    namespaced=False,
    model=TokenIssuer,
    columns=(
        Column("URL", ".spec.url"),
        Column("Signer", ".spec.signer"),
        Column("Algorithm", ".spec.signing.algorithm"),
        _READY,
        _AGE,
        _REASON,
    ),
    selectable=(".spec.signer", ".spec.url"),
)

TOKEN_KINDS: Final = (RUNNER_REGISTRATION, USER_ACCESS_TOKEN, CLIENT_APPLICATION)
"""Kinds that a token is issued for."""

ALL_KINDS: Final = (*TOKEN_KINDS, TOKEN_ISSUER)
