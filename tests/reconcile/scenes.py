"""How each reason of the API comes about, as a scene that a test can play on a real API server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from mintmaster.api.kinds import RUNNER_REGISTRATION, USER_ACCESS_TOKEN
from mintmaster.api.reasons import ConditionType, Reason, State
from mintmaster.tokens import opaque
from mintmaster.tokens.digests import digest
from reconcile.builders import key_secret, secret
from reconcile.reading import condition, is_ready_at, is_settled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reconcile.harness import Cluster, Running

    Play = Callable[[Cluster, Running], Awaitable[None]]


@dataclass(frozen=True)
class Scene:
    """What to do, and how the RunnerRegistration `runner`, or the UserAccessToken `user`, then has to stand."""

    reason: Reason
    state: State
    conditions: dict[str, tuple[str, str]]
    play: Play
    kind: str = RUNNER_REGISTRATION.kind


SCENES: dict[str, Scene] = {}

READY = ConditionType.READY.value
STALLED = ConditionType.STALLED.value
RENEWAL_FAILING = ConditionType.RENEWAL_FAILING.value


def scene(
    reason: Reason,
    state: State,
    kind: str = RUNNER_REGISTRATION.kind,
    **conditions: tuple[str, Reason],
) -> Callable[[Play], Play]:
    """Register a scene under the sentence that its function's name is."""

    def register(play: Play) -> Play:
        expected = {type_: (status, str(why)) for type_, (status, why) in conditions.items()}
        SCENES[play.__name__] = Scene(reason, state, expected, play, kind)
        return play

    return register


def working(reason: Reason) -> Callable[[Play], Play]:
    """A scene that ends with a good token."""
    return scene(reason, State.ACTIVE, Ready=("True", reason))


def waiting(reason: Reason, state: State = State.PENDING) -> Callable[[Play], Play]:
    """A scene that ends with no token, while nobody has to change anything that is stored."""
    return scene(reason, state, Ready=("False", reason))


def stalled(
    reason: Reason, state: State = State.FAILED, kind: str = RUNNER_REGISTRATION.kind
) -> Callable[[Play], Play]:
    """A scene that ends with no token, until somebody changes spec, issuer or Secret."""
    return scene(reason, state, kind, Ready=("False", reason), Stalled=("True", reason))


def failing(reason: Reason, ready: Reason) -> Callable[[Play], Play]:
    """A scene that ends with a token that works and can't be followed by another."""
    return scene(reason, State.ACTIVE, Ready=("True", ready), RenewalFailing=("True", reason))


@working(Reason.ISSUED)
async def a_first_token_is_issued(user: Cluster, operator: Running) -> None:
    await user.ready_issuer()
    await user.create_runner()


@working(Reason.RENEWED)
async def a_token_is_renewed(user: Cluster, operator: Running) -> None:
    await user.ready_issuer()
    operator.advance_to((await user.ready_runner()).status.renew_at)
    await user.runner_where(is_ready_at(2))


@working(Reason.ROTATED)
async def somebody_asks_for_another_token(user: Cluster, operator: Running) -> None:
    await user.ready_issuer()
    await user.ready_runner()
    await user.rotate_runner("now")


@waiting(Reason.AWAITING_APPROVAL, State.REQUESTED)
async def nobody_has_approved(user: Cluster, operator: Running) -> None:
    await user.ready_issuer(approval={"runnerRegistrations": "Manual"})
    await user.create_runner()


@scene(
    Reason.DENIED,
    State.FAILED,
    Ready=("False", Reason.DENIED),
    Stalled=("True", Reason.DENIED),
    Approved=("False", Reason.DENIED),
)
async def somebody_says_no(user: Cluster, operator: Running) -> None:
    await nobody_has_approved(user, operator)
    await user.runner_where(is_settled)
    await user.decide(RUNNER_REGISTRATION, "runner", approved=False)


@scene(Reason.REVOKED, State.REVOKED, Revoked=("True", Reason.REVOKED))
async def a_resource_is_revoked(user: Cluster, operator: Running) -> None:
    await user.ready_issuer()
    await user.ready_runner()
    await user.edit_runner(revoked=True)


@waiting(Reason.SUSPENDED, State.SUSPENDED)
async def a_resource_is_suspended_from_the_start(user: Cluster, operator: Running) -> None:
    await user.ready_issuer()
    await user.create_runner(suspend=True)


@scene(Reason.SUSPENDED, State.SUSPENDED, Ready=("True", Reason.ISSUED))
async def a_resource_with_a_token_is_suspended(user: Cluster, operator: Running) -> None:
    await user.ready_issuer()
    await user.ready_runner()
    await user.edit_runner(suspend=True)


@scene(
    Reason.SUSPENDED,
    State.SUSPENDED,
    Ready=("True", Reason.ISSUED),
    RenewalFailing=("True", Reason.SUSPENDED),
)
async def a_renewal_is_due_while_suspended(user: Cluster, operator: Running) -> None:
    await a_resource_with_a_token_is_suspended(user, operator)
    operator.advance_to((await user.runner_where(is_settled)).status.renew_at)


@waiting(Reason.EXPIRED, State.EXPIRED)
async def a_token_expires_while_suspended(user: Cluster, operator: Running) -> None:
    await user.ready_issuer()
    await user.ready_runner()
    await user.edit_runner(suspend=True)
    operator.advance_to((await user.runner_where(is_settled)).status.expires_at)


@stalled(Reason.EXPIRED, State.EXPIRED)
async def a_token_that_its_caller_holds_expires(user: Cluster, operator: Running) -> None:
    await user.ready_issuer()
    token = {"format": "Opaque", "valueDigest": digest(opaque.mint()), "lifetime": "1h"}
    runner = await user.ready_runner(delivery="Caller", token=token)
    operator.advance_to(runner.status.expires_at)


@stalled(Reason.SECRET_CONFLICT)
async def the_secret_is_somebody_elses(user: Cluster, operator: Running) -> None:
    await user.ready_issuer()
    await user.create(secret("runner-token", stringData={"token": "mine"}))
    await user.create_runner()


@waiting(Reason.ISSUER_NOT_FOUND)
async def there_is_no_issuer(user: Cluster, operator: Running) -> None:
    await user.create_runner()


@waiting(Reason.ISSUER_NOT_READY)
async def the_issuer_voids_what_is_issued_today(user: Cluster, operator: Running) -> None:
    tomorrow = operator.clock.now() + timedelta(days=1)
    await user.ready_issuer(notBefore=tomorrow.strftime("%Y-%m-%dT%H:%M:%SZ"))
    await user.create_runner()


@stalled(Reason.NOT_GRANTED)
async def nothing_is_granted(user: Cluster, operator: Running) -> None:
    await user.ready_issuer(grants=[])
    await user.create_runner()


@stalled(Reason.SCOPE_UNKNOWN)
async def the_issuer_does_not_know_the_scope(user: Cluster, operator: Running) -> None:
    await user.ready_issuer()
    await user.create_runner(scopes=["fly"])


@stalled(Reason.ROLE_UNKNOWN, kind=USER_ACCESS_TOKEN.kind)
async def the_issuer_does_not_know_the_role(user: Cluster, operator: Running) -> None:
    await user.ready_issuer()
    await user.create_user(roles=["Pilot"])


@stalled(Reason.TOKEN_TOO_LARGE)
async def the_token_would_be_too_long(user: Cluster, operator: Running) -> None:
    scopes = [f"{number:a>128}" for number in range(16)]
    audiences = [f"https://{number:a>240}" for number in range(8)]
    await user.ready_issuer(scopes=[{"name": scope} for scope in scopes], roles=[])
    await user.create_runner(scopes=scopes, token={"audiences": audiences})


@stalled(Reason.LIFETIME_TOO_LONG)
async def the_lifetime_is_above_the_limit(user: Cluster, operator: Running) -> None:
    await user.ready_issuer(limits={"defaultLifetime": "1h", "maxLifetime": "2h"})
    await user.create_runner(token={"lifetime": "3h"})


@stalled(Reason.SCHEDULE_INVALID)
async def the_renewal_does_not_fit_the_default_lifetime(user: Cluster, operator: Running) -> None:
    await user.ready_issuer(limits={"defaultLifetime": "10m"})
    await user.create_runner(token={"renewBefore": "10m"})


@stalled(Reason.TEMPLATE_INVALID)
async def the_template_names_what_there_is_not(user: Cluster, operator: Running) -> None:
    await user.ready_issuer()
    await user.create_runner(secret={"template": {"data": {"config": "{{ password }}"}}})


@waiting(Reason.TOO_MANY_ISSUES)
async def somebody_keeps_deleting_the_secret(user: Cluster, operator: Running) -> None:
    await user.ready_issuer(limits={"issuesPerHour": 1})
    await user.ready_runner()
    await user.delete_secret("runner-token")
    await user.runner_where(is_ready_at(2))
    await user.delete_secret("runner-token")


@failing(Reason.TOO_MANY_ISSUES, ready=Reason.ROTATED)
async def somebody_keeps_asking_for_another_token(user: Cluster, operator: Running) -> None:
    await user.ready_issuer(limits={"issuesPerHour": 1})
    await user.ready_runner()
    await user.rotate_runner("first")
    await user.annotate(RUNNER_REGISTRATION, "runner", rotate="second")


@failing(Reason.TOO_MANY_TOKENS, ready=Reason.ROTATED)
async def too_many_superseded_tokens_are_active(user: Cluster, operator: Running) -> None:
    await user.ready_issuer()
    await user.ready_runner(token={"overlap": "48h"})
    for number in range(5):
        await user.rotate_runner(str(number))
    await user.annotate(RUNNER_REGISTRATION, "runner", rotate="one-too-many")


@waiting(Reason.CLOCK_SKEW)
async def the_clock_is_wrong(user: Cluster, operator: Running) -> None:
    await user.ready_issuer()
    operator.skew.mistrusted = True
    await user.create_runner()


@stalled(Reason.DIGEST_CONFLICT)
async def an_older_resource_has_the_digest(user: Cluster, operator: Running) -> None:
    await user.ready_issuer()
    token = {"format": "Opaque", "valueDigest": digest(opaque.mint())}
    await user.until_younger(await user.create_user(delivery="Caller", token=token))
    await user.create_runner(delivery="Caller", token=token)


@waiting(Reason.SIGNER_MISMATCH)
async def the_issuer_is_signed_by_gates(user: Cluster, operator: Running) -> None:
    limits = {"defaultLifetime": "1h", "maxLifetime": "2h"}
    await user.create_issuer(signer="Gate", limits=limits)
    await user.create_runner()


@waiting(Reason.KEYS_LOST)
async def the_keys_are_lost(user: Cluster, operator: Running) -> None:
    await user.ready_issuer()
    await user.delete_secret(key_secret(user.issuer), "mintmaster-system")
    await user.issuer_where(lambda it: condition(it, READY) == ("False", "KeysLost"))
    await user.create_runner()


@stalled(Reason.ISSUER_CONFLICT)
async def an_older_issuer_has_the_url(user: Cluster, operator: Running) -> None:
    url = "https://same.example.org"
    await user.until_younger(await user.create_issuer(f"{user.issuer}-older", url=url))
    await user.create_issuer(url=url)
    await user.create_runner()


@waiting(Reason.WRITE_FAILED)
async def a_quota_leaves_no_room_for_the_secret(user: Cluster, operator: Running) -> None:
    await user.ready_issuer()
    await user.forbid_secrets()
    await user.create_runner()
