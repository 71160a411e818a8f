"""What can be set about verifying, what it means and what it costs."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the issuer is asked."""

    timeout: timedelta = timedelta(seconds=5)
    """How long one answer may take in all."""
    keys_age: timedelta = timedelta(minutes=5)
    """How long keys are kept where the issuer does not say, and at most."""
    cooldown: timedelta = timedelta(seconds=30)
    """How often the keys are fetched because of tokens that name unknown ones, at most: anybody can make those up."""
    retry: timedelta = timedelta(seconds=5)
    """How long the issuer is left alone after it could not be reached, if something is known that still serves."""
    max_outage: timedelta = timedelta(minutes=30)
    """How long keys and status lists outlive their time while the issuer is away; then nothing is accepted any more.

    For so long a withdrawn key and a revocation may be unknown. A status list never outlives its `exp`."""
    leeway: timedelta = timedelta(seconds=60)
    """How far the issuer's clock may be ahead. It never prolongs a token."""
