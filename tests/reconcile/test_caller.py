"""Delivery to a caller: the resource carries a digest, and there is no Secret and no renewal."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mintmaster.api.kinds import USER_ACCESS_TOKEN
from mintmaster.tokens import opaque
from mintmaster.tokens.digests import digest
from reconcile.builders import grant
from reconcile.reading import condition, current, is_ready, is_ready_at, is_settled, is_unready

if TYPE_CHECKING:
    from reconcile.harness import Cluster, Running


def _held(value: str | None = None, **token: Any) -> dict[str, Any]:
    """The spec of a token that its caller holds."""
    given = {"valueDigest": value} if value is not None else {}
    return {"delivery": "Caller", "token": {"format": "Opaque", **given, **token}}


def _made() -> str:
    return digest(opaque.mint())


async def test_a_request_without_a_digest_waits_and_is_active_once_it_has_one(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.create_user(**_held())
    waiting = await cluster_user.user_where(is_settled)
    assert waiting.status.state == "Requested"
    assert waiting.status.tokens == ()

    value = _made()
    await cluster_user.edit_user(token={"valueDigest": value})
    active = await cluster_user.user_where(is_ready)
    assert current(active).digest == value
    assert active.status.state == "Active"


async def test_an_activation_is_one_write_and_no_secret(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    async with operator.writing(1):
        user = await cluster_user.ready_user(**_held(_made()))
    assert await cluster_user.secret("user-token") is None
    assert user.status.secret_ref is None
    assert user.status.renew_at is None


async def test_without_a_lifetime_the_token_never_expires_where_that_is_granted(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    user = await cluster_user.ready_user(**_held(_made()))
    assert (user.status.expires_at, current(user).valid_until) == (None, None)
    async with operator.writing(0):
        operator.advance(timedelta(days=80))
    assert is_ready(await cluster_user.user())


async def test_without_a_lifetime_and_without_that_grant_there_is_no_token(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer(grants=[grant(cluster_user.namespace, unlimited=False)])
    await cluster_user.create_user(**_held(_made()))
    await cluster_user.user_where(is_unready("NotGranted"))
    await cluster_user.ready_user("bounded", **_held(_made(), lifetime="1h"))


async def test_a_new_digest_replaces_the_token_which_keeps_its_overlap(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    first, second = _made(), _made()
    await cluster_user.ready_user(**_held(first))
    async with operator.writing(1):
        await cluster_user.edit_user(token={"valueDigest": second})
        rotated = await cluster_user.user_where(is_ready_at(2))
    newer, older = rotated.status.tokens
    assert (newer.digest, older.digest) == (second, first)
    assert older.valid_until == newer.issued_at + timedelta(minutes=5)
    assert condition(rotated, "Ready") == ("True", "Rotated")


async def test_narrowed_rights_are_recorded_anew_for_the_same_token_without_its_wider_record(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    value = _made()
    await cluster_user.ready_user(**_held(value), scopes=["api", "read_api"])
    await cluster_user.edit_user(scopes=["read_api"])
    narrowed = await cluster_user.user_where(is_ready_at(2))
    assert [record.digest for record in narrowed.status.tokens] == [value]
    assert current(narrowed).rights.scopes == ("read_api",)


async def test_of_two_resources_with_one_digest_the_older_keeps_it(
    cluster_user: Cluster, operator: Running
) -> None:
    """Attack 85."""
    await cluster_user.ready_issuer()
    value = _made()
    await cluster_user.until_younger(await cluster_user.create_user("victim", **_held(value)))
    await cluster_user.create_user("thief", **_held(value))
    thief = await cluster_user.user_where(is_unready("DigestConflict"), "thief")
    assert condition(thief, "Stalled") == ("True", "DigestConflict")
    assert thief.status.tokens == ()
    assert is_ready(await cluster_user.user_where(is_ready, "victim"))


async def test_a_digest_is_free_again_when_the_older_resource_goes(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    value = _made()
    await cluster_user.until_younger(await cluster_user.create_user("first", **_held(value)))
    await cluster_user.create_user("second", **_held(value))
    await cluster_user.user_where(is_unready("DigestConflict"), "second")
    await cluster_user.delete(USER_ACCESS_TOKEN, "first")
    await cluster_user.gone(USER_ACCESS_TOKEN, "first")
    await operator.at_rest()
    operator.advance(timedelta(seconds=30))
    await cluster_user.user_where(is_ready, "second")


async def test_an_expired_token_is_stalled_and_lives_again_only_as_another(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    value = _made()
    before = await cluster_user.ready_user(**_held(value, lifetime="1h"))
    operator.advance_to(before.status.expires_at)
    expired = await cluster_user.user_where(is_unready("Expired"))
    assert condition(expired, "Stalled") == ("True", "Expired")
    await cluster_user.edit_user(description="does not help", token={"lifetime": "2h"})
    await cluster_user.user_where(lambda it: is_settled(it) and it.metadata.generation == 2)
    assert condition(await cluster_user.user(), "Ready") == ("False", "Expired")

    await cluster_user.edit_user(token={"valueDigest": _made()})
    healed = await cluster_user.user_where(is_ready_at(2))
    assert condition(healed, "Stalled") is None


async def test_a_revocation_takes_the_digest_out_of_the_status(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_user(**_held(_made()))
    await cluster_user.edit_user(revoked=True)
    revoked = await cluster_user.user_where(lambda it: it.status.state == "Revoked")
    assert revoked.status.tokens == ()


async def test_who_asked_over_http_gets_what_they_have_and_no_more(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    asker = await cluster_user.ready_user("asker", scopes=["read_api"], projects=["3"])
    record = current(asker)
    asked = {
        "subject": record.rights.subject,
        "uid": asker.metadata.uid,
        "jti": record.id,
    }
    await cluster_user.ready_runner(
        "within", type="Project", project="3", requestedBy=asked, **_held(_made())
    )
    await cluster_user.create_runner(
        "beyond", type="Project", project="4", requestedBy=asked, **_held(_made())
    )
    beyond = await cluster_user.runner_where(is_unready("NotGranted"), "beyond")
    assert beyond.status.tokens == ()
    other = asked | {"jti": f"{asker.metadata.uid}.7.00"}
    await cluster_user.create_runner(
        "unknown", type="Project", project="3", requestedBy=other, **_held(_made())
    )
    await cluster_user.runner_where(is_unready("NotGranted"), "unknown")

    # It is looked at once: what was made stays when the asker goes, but nothing more is made.
    await cluster_user.delete(USER_ACCESS_TOKEN, "asker")
    await cluster_user.gone(USER_ACCESS_TOKEN, "asker")
    await operator.at_rest()
    assert is_ready(await cluster_user.runner("within"))
    await cluster_user.create_runner(
        "late", type="Project", project="3", requestedBy=asked, **_held(_made())
    )
    await cluster_user.runner_where(is_unready("NotGranted"), "late")
