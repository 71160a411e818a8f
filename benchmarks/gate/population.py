"""A gate's knowledge, made up: an issuer, and any number of resources with a JWT each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mintmaster.api.client_application import (
    ApplicationIssuerRef,
    ClientApplication,
    ClientApplicationSpec,
    ClientApplicationStatus,
)
from mintmaster.api.grants import Grant, NamespaceSelection
from mintmaster.api.meta import ObjectMeta
from mintmaster.api.rights import Rights
from mintmaster.api.status import TokenRecord, TokenStatus
from mintmaster.api.token_issuer import (
    KeyRecord,
    ScopeDefinition,
    Signer,
    TokenIssuer,
    TokenIssuerSpec,
    TokenIssuerStatus,
)
from mintmaster.api.user_access_token import User, UserAccessToken, UserAccessTokenSpec
from mintmaster.gate.issuer import known_issuer
from mintmaster.lifecycle.known import known
from mintmaster.tokens import jwt, opaque
from mintmaster.tokens.digests import digest
from mintmaster.tokens.jwt import AccessTokenClaims, ResourceClaim
from mintmaster.tokens.keys import SigningKey

if TYPE_CHECKING:
    from mintmaster.gate.knowledge import Knowledge

URL = "https://tokens.example.org"
APPLICATIONS = "applications"
AUDIENCE = "https://services.example.org"
LIFETIME = timedelta(days=30)
NAMESPACE = "team"


@dataclass(frozen=True, slots=True)
class Population:
    """Makes what a gate knows."""

    knowledge: Knowledge
    key: SigningKey

    @classmethod
    def begin(cls, knowledge: Knowledge) -> Population:
        """Start with the issuer."""
        population = cls(knowledge, SigningKey.generate())
        knowledge.observe_issuer(known_issuer(population._issuer("default", Signer.OPERATOR)))
        return population

    def add_application(self) -> tuple[str, str]:
        """Add a gate-signed issuer with the same key, and an application of it; returns client id and secret."""
        issuer = self._issuer(APPLICATIONS, Signer.GATE)
        self.knowledge.observe_issuer(known_issuer(issuer))
        client_id, client_secret, uid = f"{NAMESPACE}.portal", opaque.mint("mms_"), "application"
        record = TokenRecord(
            id=f"{uid}.1.00",
            revision=1,
            digest=digest(client_secret),
            issued_at=datetime.now(UTC).replace(microsecond=0),
            rights=Rights(subject=f"app:{client_id}", audiences=(AUDIENCE,), scopes=("read_api",)),
        )
        application = ClientApplication(
            metadata=ObjectMeta(name="portal", namespace=NAMESPACE, uid=uid),
            spec=ClientApplicationSpec(issuer_ref=ApplicationIssuerRef(name=APPLICATIONS)),
            status=ClientApplicationStatus(
                uid=uid, client_id=client_id, revision=1, tokens=(record,)
            ),
        )
        self.knowledge.observe(known("ClientApplication", application))
        return client_id, client_secret

    def add(self, number: int, *scopes: str) -> str:
        """Add a resource; returns its token."""
        issued_at = datetime.now(UTC).replace(microsecond=0)
        uid = f"{number:08x}-0000-4000-8000-000000000000"
        rights = Rights(
            subject=f"user:user-{number}@team.example",
            audiences=(AUDIENCE,),
            scopes=scopes or ("read_api",),
        )
        claims = self._claims(number, uid, rights, issued_at)
        token = jwt.sign(claims, self.key)
        record = TokenRecord(
            id=claims.jti,
            revision=1,
            key_id=self.key.kid,
            digest=digest(token),
            issued_at=issued_at,
            expires_at=issued_at + LIFETIME,
            valid_until=issued_at + LIFETIME,
            rights=rights,
        )
        resource = UserAccessToken(
            metadata=ObjectMeta(name=f"user-{number}", namespace=NAMESPACE, uid=uid),
            spec=UserAccessTokenSpec(user=User(email=f"user-{number}@team.example")),
            status=TokenStatus(uid=uid, revision=1, tokens=(record,)),
        )
        self.knowledge.observe(known("UserAccessToken", resource))
        return token

    def _issuer(self, name: str, signer: Signer) -> TokenIssuer:
        grant = Grant(
            namespaces=NamespaceSelection(names=("*",)),
            kinds=("*",),
            subjects=("*",),
            scopes=("*",),
        )
        return TokenIssuer(
            metadata=ObjectMeta(name=name, uid=name),
            spec=TokenIssuerSpec(
                url=URL if signer is Signer.OPERATOR else f"{URL}/{name}",
                signer=signer,
                audiences=(AUDIENCE,),
                scopes=(ScopeDefinition(name="read_api"), ScopeDefinition(name="introspect")),
                grants=(grant,),
            ),
            status=TokenIssuerStatus(
                keys=(
                    KeyRecord(
                        id=self.key.kid,
                        algorithm=self.key.algorithm,
                        state="Active",
                        public_jwk=self.key.public.jwk(),
                    ),
                )
            ),
        )

    @staticmethod
    def _claims(number: int, uid: str, rights: Rights, issued_at: datetime) -> AccessTokenClaims:
        return AccessTokenClaims(
            iss=URL,
            sub=rights.subject,
            aud=rights.audiences,
            exp=int((issued_at + LIFETIME).timestamp()),
            iat=int(issued_at.timestamp()),
            jti=f"{uid}.1.{number:032x}",
            client_id=f"user:{NAMESPACE}:user-{number}",
            scope=" ".join(rights.scopes),
            roles=(),
            projects=(),
            resource=ResourceClaim(
                kind="UserAccessToken",
                namespace=NAMESPACE,
                name=f"user-{number}",
                uid=uid,
                revision=1,
            ),
        )
