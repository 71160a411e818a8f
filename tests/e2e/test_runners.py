"""Runners in pods of their own: what they are told when they show their mounted token."""

from e2e import runners
from e2e.installation import Site
from e2e.runners import Runner
from e2e.waiting import eventually

RENEWED_WITHIN = 420.0
"""Seconds: five minutes, and what a busy machine adds."""


def test_a_revocation_cuts_a_runner_off(site: Site, somewhere: str) -> None:
    runner = runners.start(site.admin, somewhere, site.authority)
    revoked = '{"spec": {"revoked": true}}'

    site.admin.kubectl("patch", "rr", "-n", somewhere, "runner", "--type=merge", "-p", revoked)
    eventually(lambda: runner.experiences[-1]["status"] == 403, "the runner is cut off")

    seen = len(runner.experiences)
    eventually(lambda: len(runner.experiences) >= seen + 10, "the runner tries on")
    assert {it["status"] for it in runner.experiences[seen:]} == {403}
    assert set(runner.statuses) == {200, 403}


def test_a_rotation_reaches_the_mounted_file(site: Site, somewhere: str) -> None:
    runner = runners.start(site.admin, somewhere, site.authority)

    site.admin.kubectl("annotate", "rr", "-n", somewhere, "runner", "mintmaster.dev/rotate=now")
    eventually(lambda: len(runner.tokens) == 2, "the runner shows another token")

    assert set(runner.statuses) == {200}


def test_renewals_reach_the_file_and_no_token_of_it_is_ever_refused(
    site: Site, veteran: Runner
) -> None:
    eventually(lambda: veteran.status["revision"] > 1, "the renewal", RENEWED_WITHIN)
    eventually(lambda: len(veteran.tokens) > 1, "the runner shows the new token")
    seen = len(veteran.experiences)
    eventually(lambda: len(veteran.experiences) >= seen + 10, "the runner goes on")

    assert len(veteran.tokens) == veteran.status["revision"]
    assert set(veteran.statuses) == {200}
