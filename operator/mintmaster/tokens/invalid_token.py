"""Why a token is not accepted.

ValueError
└── InvalidToken            carries one InvalidTokenCode
"""

from enum import StrEnum


class InvalidTokenCode(StrEnum):
    """The first rule that the token broke: for metrics and logs, not for whoever presented it."""

    TOO_LARGE = "too_large"
    """More octets than any token of ours has."""
    MALFORMED = "malformed"
    """Not a JWS in compact serialization, in its one canonical spelling."""
    HEADER = "header"
    """The header is not strict JSON, or has parameters that change what is signed."""
    TYPE = "type"
    """`typ` does not say access token."""
    KEY_UNKNOWN = "key_unknown"
    """`kid` names none of the issuer's keys."""
    ALGORITHM = "algorithm"
    """`alg` is not the one algorithm of the key."""
    SIGNATURE = "signature"
    """The signature does not hold."""
    CLAIMS = "claims"
    """A claim is missing or malformed, or the payload is not strict JSON."""
    ISSUER = "issuer"
    """Minted by, or for, somebody else."""
    AUDIENCE = "audience"
    """Meant for another service."""
    EXPIRED = "expired"
    """`exp` is reached."""
    NOT_YET_VALID = "not_yet_valid"
    """`iat` or `nbf` lies in the future."""
    LIFETIME = "lifetime"
    """`exp` lies before `iat`, or further after it than the issuer ever mints."""
    KEY_INACTIVE = "key_inactive"
    """Issued before its key was active, or its key has been retired."""


class InvalidToken(ValueError):
    """A token that is not accepted (`invalid_token` of RFC 6750, section 3.1).

    Neither message nor context holds anything of the token.
    """

    def __init__(self, code: InvalidTokenCode) -> None:
        super().__init__(f"the token is not accepted: {code.value}")
        self.code = code
