"""The schedule fields of whatever is renewed: their types, and the rules that hold between them."""

from typing import Annotated, Final

from mintmaster.api.schema import DIGEST_PATTERN, Rule, described, duration, is_duration

RenewBefore = Annotated[
    str | None,
    duration(
        "renewBefore",
        "How long before its expiry a token is renewed, such as 8h; a third of the lifetime by "
        "default. It must leave at least 5m between renewals, and excludes "
        "renewBeforePercentage.",
        at_least="1m",
    ),
]

RenewBeforePercentage = Annotated[
    int | None,
    described(
        "How much of its lifetime, in percent, a token has left when it is renewed; it "
        "excludes renewBefore. By default a token is renewed when a third is left.",
        minimum=1,
        maximum=90,
    ),
]

Overlap = Annotated[
    str,
    duration(
        "overlap",
        "How long a superseded token stays active after a renewal, so that consumers can "
        "change over; 5m by default, 0s for none, less than the lifetime. When rights are "
        "taken away there is no overlap.",
        at_least="0s",
    ),
]

ValueDigest = Annotated[
    str | None,
    described(
        "With delivery Caller: SHA-256, in base64url without padding, of the token that the "
        "caller holds. It may be set only by holders of the verb deliver on digests; without "
        "it the state is Requested.",
        max_length=43,
        pattern=DIGEST_PATTERN,
    ),
]

SCHEDULE_RULES: Final = (
    Rule(
        "!(has(self.renewBefore) && has(self.renewBeforePercentage))",
        "renewBefore and renewBeforePercentage exclude each other: set one of them",
        ".renewBefore",
    ),
    Rule(
        "!has(self.lifetime) || !has(self.renewBefore) "
        f"|| !{is_duration('self.lifetime')} || !{is_duration('self.renewBefore')} "
        "|| duration(self.lifetime) - duration(self.renewBefore) >= duration('5m')",
        "renewBefore must be at least 5m shorter than lifetime: renewing more often than "
        "every 5m is refused",
        ".renewBefore",
    ),
    Rule(
        "!has(self.lifetime) || !has(self.renewBeforePercentage) "
        f"|| !{is_duration('self.lifetime')} "
        "|| duration(self.lifetime).getSeconds() * (100 - self.renewBeforePercentage) >= 30000",
        "renewBeforePercentage must leave at least 5m of lifetime: renewing more often than "
        "every 5m is refused",
        ".renewBeforePercentage",
    ),
    Rule(
        "!has(self.lifetime) || !has(self.overlap) "
        f"|| !{is_duration('self.lifetime')} || !{is_duration('self.overlap')} "
        "|| duration(self.overlap) < duration(self.lifetime)",
        "overlap must be shorter than lifetime",
        ".overlap",
    ),
)
"""Rules on an object with `lifetime` and the fields above."""
