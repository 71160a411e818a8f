"""Project-W's API on a gate: logging in, making and ending runners, and what runners ask, in versions 0.2 and 0.6."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from gate.compat.site_bench import SiteBench
from gate.workbench import NOW

OF_RUNNERS = re.compile(r"^[a-zA-Z0-9_-]+$")
"""What runners want their token to match."""
ABOUT = {
    "name": "worker",
    "version": "0.6.0",
    "git_hash": "0" * 40,
    "source_code_url": "https://example.org/src",
    "priority": 1,
}
COMPROMISED = (
    "The session token does not belong to this runner: its token may have been compromised"
)
MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\nroot@team.example\r\n'
    b'--x\r\nContent-Disposition: form-data; name="password"\r\n\r\n%s\r\n--x--\r\n'
)


# Version 0.2 --------------------------------------------------------------------------------------


async def test_a_login_of_old_answers_with_the_token_that_stands_for_a_password() -> None:
    bench = SiteBench()
    token = bench.administrator()
    sent = (b"content-type", b"multipart/form-data; boundary=x")

    answer = await bench.ask(
        "POST", "/api/users/login", body=MULTIPART % token.encode(), headers=(sent,)
    )

    assert (answer.status, answer.json) == (200, {"msg": "Login successful", "accessToken": token})
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("form", [{}, {"email": "root@team.example", "password": "wrong"}])
async def test_anything_else_is_no_password(form: dict[str, str]) -> None:
    bench = SiteBench()
    other = {"email": "ada@team.example", "password": bench.administrator()}
    runner = {"email": "root@team.example", "password": bench.runner()}
    for tried in (form, other, runner):
        answer = await bench.asks("POST", "/api/users/login", form=tried)
        assert (answer.status, answer.json) == (
            400,
            {"msg": "Incorrect credentials provided", "errorType": "auth"},
        )


async def test_an_administrator_creates_a_runners_token() -> None:
    bench = SiteBench()

    answer = await bench.asks("GET", "/api/runners/create", bench.administrator())

    assert answer.status == 200
    assert list(answer.json) == ["runnerToken"]
    assert OF_RUNNERS.match(answer.json["runnerToken"])
    [runner] = bench.resources("runnerregistrations")
    assert runner["metadata"]["namespace"] == "mintmaster-api"
    assert runner["spec"]["requestedBy"]["subject"] == "user:root@team.example"
    registered = await bench.asks("POST", "/api/runners/register", answer.json["runnerToken"])
    assert registered.status == 200


async def test_a_look_at_the_head_creates_nothing() -> None:
    bench = SiteBench()

    answer = await bench.asks("HEAD", "/api/runners/create", bench.administrator())

    assert answer.status == 405
    assert bench.resources("runnerregistrations") == []


async def test_others_create_no_tokens() -> None:
    bench = SiteBench()
    for token in (bench.person(), bench.runner(), bench.person("r", roles=["Researcher"])):
        before = bench.resources("runnerregistrations")
        answer = await bench.asks("GET", "/api/runners/create", token)
        assert (answer.status, answer.json) == (
            403,
            {"msg": "Only admins may create runner tokens."},
        )
        assert bench.resources("runnerregistrations") == before


async def test_tokens_that_are_none() -> None:
    bench = SiteBench()
    late = bench.administrator("late", ends_at=NOW)
    former = bench.administrator("former", spec={"revoked": True})
    for token, status, msg in (
        ("", 401, "Missing Authorization Header"),
        (late, 401, "Token has expired"),
        (former, 401, "Token has been revoked"),
        ("nonsense", 422, "Signature verification failed"),
    ):
        answer = await bench.asks("GET", "/api/runners/create", token)
        assert (answer.status, answer.json) == (status, {"msg": msg})


async def test_the_life_of_a_runner_of_old() -> None:
    bench = SiteBench()
    token = bench.runner()

    async def asks(what: str) -> tuple[int, object]:
        answer = await bench.asks("POST", f"/api/runners/{what}", token)
        return answer.status, answer.json

    not_online = (400, {"error": "This runner is not currently registered as online!"})
    assert await asks("heartbeat") == not_online
    assert await asks("unregister") == not_online
    status, said = await asks("register")
    number = bench.number("linux")
    assert (status, said) == (200, {"msg": "Runner successfully registered!", "runnerID": number})
    assert await asks("register") == (400, {"error": "Runner is already registered!"})
    assert await asks("heartbeat") == (200, {"ack": True})
    assert await asks("retrieveJobInfo") == (400, {"error": "No job available!"})
    assert await asks("submitJobResult") == (400, {"error": "No job available!"})
    assert await asks("unregister") == (200, {"msg": "Runner successfully unregistered!"})
    assert await asks("heartbeat") == not_online


async def test_a_runner_that_is_silent_for_a_minute_is_offline() -> None:
    bench = SiteBench()
    token = bench.runner()
    await bench.asks("POST", "/api/runners/register", token)

    bench.clock.instant = NOW + timedelta(seconds=61)

    assert (await bench.asks("POST", "/api/runners/heartbeat", token)).status == 400
    assert (await bench.asks("POST", "/api/runners/register", token)).status == 200


@pytest.mark.parametrize("what", ["register", "unregister", "heartbeat", "retrieveJobInfo"])
async def test_what_is_no_runner_of_old(what: str) -> None:
    bench = SiteBench()
    path = f"/api/runners/{what}"
    basic = ((b"authorization", b"Basic YTpi"),)
    for answer, error in (
        (await bench.asks("POST", path), "No Authorization header provided!"),
        (await bench.asks("POST", path, headers=basic), "Invalid Authorization header!"),
        (await bench.asks("POST", path, "unknown"), "No runner with that token exists!"),
        (await bench.asks("POST", path, bench.person()), "No runner with that token exists!"),
    ):
        assert (answer.status, answer.json) == (400, {"error": error})


# Version 0.6 --------------------------------------------------------------------------------------


async def test_a_login_puts_the_token_into_the_cookie_alone() -> None:
    bench = SiteBench()
    token = bench.administrator()
    form = {
        "grant_type": "password",
        "username": "root@team.example",
        "password": token,
        "scope": "admin",
    }

    answer = await bench.asks("POST", "/api/local-account/login", form=form)

    assert (answer.status, answer.json) == (200, "Success. Returning your login token as a cookie")
    assert answer.headers["Set-Cookie"].startswith(f"token={token}; ")
    assert "Max-Age=3600" in answer.headers["Set-Cookie"]
    cookie = ((b"cookie", f"token={token}".encode()),)
    made = await bench.asks("POST", "/api/admins/create_runner", headers=cookie)
    assert (made.status, set(made.json)) == (200, {"id", "token"})
    assert OF_RUNNERS.match(made.json["token"])


async def test_a_login_that_is_refused() -> None:
    bench = SiteBench()
    ada = {"username": "ada@team.example", "password": bench.person()}
    for form, status, said in (
        (ada | {"scope": "admin"}, 400, "Your user isn't an admin"),
        (ada | {"scope": "other"}, 400, "We don't support that token permission scope"),
        (ada | {"password": "wrong"}, 401, "Incorrect username or password"),
        ({}, 401, "Incorrect username or password"),
    ):
        answer = await bench.asks("POST", "/api/local-account/login", form=form)
        assert (answer.status, answer.json) == (status, {"detail": said})
        assert "Set-Cookie" not in answer.headers
    assert (await bench.asks("POST", "/api/local-account/login", form=ada)).status == 200


async def test_an_administrator_makes_a_runner_and_ends_it() -> None:
    bench = SiteBench()
    admin = bench.administrator()
    made = (await bench.asks("POST", "/api/admins/create_runner", admin)).json
    said = f"If a runner with id {made['id']} existed it was successfully invalidated and deleted"
    path = f"/api/admins/invalidate_runner?runner_id={made['id']}"

    for _ in range(2):
        answer = await bench.asks("DELETE", path, admin)
        assert (answer.status, answer.json) == (200, said)

    registered = await bench.asks("POST", "/api/runners/register", made["token"], json=ABOUT)
    assert (registered.status, registered.json) == (
        401,
        {"detail": "No runner with that token exists!"},
    )
    assert registered.headers["Www-Authenticate"] == "Bearer"
    assert bench.resources("runnerregistrations") == []


async def test_a_runner_that_was_applied_elsewhere_is_revoked() -> None:
    bench = SiteBench()
    bench.runner()
    path = f"/api/admins/invalidate_runner?runner_id={bench.number('linux')}"

    assert (await bench.asks("DELETE", path, bench.administrator())).status == 200

    [runner] = bench.resources("runnerregistrations")
    assert runner["spec"]["revoked"] is True


@pytest.mark.parametrize("number", ["", "x", "-1", "9" * 30])
async def test_a_runners_id_is_a_number(number: str) -> None:
    bench = SiteBench()
    path = f"/api/admins/invalidate_runner?runner_id={number}"

    answer = await bench.asks("DELETE", path, bench.administrator())

    assert (answer.status, answer.json["detail"][0]["loc"]) == (422, ["query", "runner_id"])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/admins/create_runner"),
        ("DELETE", "/api/admins/invalidate_runner?runner_id=1"),
    ],
)
async def test_only_administrators_make_and_end_runners(method: str, path: str) -> None:
    bench = SiteBench()
    for token, status, said in (
        ("", 401, "Not authenticated"),
        ("unknown", 401, "Could not validate credentials"),
        (bench.person(), 403, "Your user isn't an admin"),
        (bench.runner(), 403, "Your user isn't an admin"),
    ):
        answer = await bench.asks(method, path, token)
        assert (answer.status, answer.json) == (status, {"detail": said})


async def test_the_life_of_a_runner() -> None:
    bench = SiteBench()
    token = bench.runner()

    registered = await bench.asks("POST", "/api/runners/register", token, json=ABOUT)

    assert (registered.status, registered.json["id"]) == (200, bench.number("linux"))
    session = registered.json["session_token"]
    again = await bench.asks("POST", "/api/runners/register", token, json=ABOUT)
    assert (again.status, again.json) == (
        403,
        {"detail": "This runner is already registered as online!"},
    )
    beat = f"/api/runners/heartbeat?session_token={session}"
    answer = await bench.asks("POST", beat, token, json={"progress": 0.5})
    assert (answer.status, answer.json) == (200, {"abort": False, "job_assigned": False})
    other = await bench.asks("POST", "/api/runners/heartbeat?session_token=x", token)
    assert (other.status, other.json) == (403, {"detail": COMPROMISED})
    unknown = await bench.asks("POST", beat, "unknown")
    assert (unknown.status, unknown.json["detail"]) == (401, "No runner with that token exists!")
    gone = await bench.asks("POST", "/api/runners/unregister", token)
    assert (gone.status, gone.json) == (200, "Success")
    assert (await bench.asks("POST", "/api/runners/register", token, json=ABOUT)).status == 200


@pytest.mark.parametrize(
    ("method", "what", "said"),
    [
        ("GET", "retrieve_job_info", "This runner has currently no job assigned"),
        ("POST", "retrieve_job_audio", "This runner has currently no job assigned"),
        ("POST", "submit_job_result", "This runner is currently not processing a job!"),
    ],
)
async def test_there_are_no_jobs(method: str, what: str, said: str) -> None:
    bench = SiteBench()
    token = bench.runner()
    registered = await bench.asks("POST", "/api/runners/register", token, json=ABOUT)
    path = f"/api/runners/{what}"
    session = f"{path}?session_token={registered.json['session_token']}"

    for asked, shown, status, detail in (
        (session, token, 400, said),
        (session, "unknown", 401, "No runner with that token exists!"),
        (f"{path}?session_token=x", token, 403, COMPROMISED),
    ):
        answer = await bench.asks(method, asked, shown)
        assert (answer.status, answer.json) == (status, {"detail": detail})
    missing = await bench.asks(method, path, token)
    assert (missing.status, missing.json["detail"][0]["loc"]) == (422, ["query", "session_token"])


async def test_one_key_is_one_runner() -> None:
    bench = SiteBench()
    admin, key = bench.administrator(), ((b"idempotency-key", b"k1"),)

    first, last = [
        (await bench.asks("POST", "/api/admins/create_runner", admin, headers=key)).json
        for _ in range(2)
    ]

    assert first["id"] == last["id"]
    assert len(bench.resources("runnerregistrations")) == 1
    assert (await bench.asks("POST", "/api/runners/register", first["token"])).status == 400
    assert (await bench.asks("POST", "/api/runners/register", last["token"])).status == 200


async def test_another_gate_recognizes_a_session() -> None:
    bench = SiteBench()
    token = bench.runner()
    session = (await bench.asks("POST", "/api/runners/register", token, json=ABOUT)).json
    # As after a restart, and as at a gate that has never heard of the runner.
    bench.app._routes = bench.routes_anew()

    beat = f"/api/runners/heartbeat?session_token={session['session_token']}"

    assert (await bench.asks("POST", beat, token)).status == 200
    forged = f"/api/runners/heartbeat?session_token={'x' * 54}"
    assert (await bench.asks("POST", forged, token)).status == 403


async def test_a_runner_unregisters_at_a_gate_that_has_not_heard_of_it() -> None:
    bench = SiteBench()
    token = bench.runner()
    session = (await bench.asks("POST", "/api/runners/register", token, json=ABOUT)).json
    path = f"/api/runners/unregister?session_token={session['session_token']}"
    # As after a restart, and as at a gate that has never heard of the runner.
    bench.app._routes = bench.routes_anew()

    for _ in range(2):
        gone = await bench.asks("POST", path, token)
        assert (gone.status, gone.json) == (200, "Success")
    unknown = await bench.asks("POST", path, "unknown")
    assert (unknown.status, unknown.json) == (401, {"detail": "No runner with that token exists!"})
    assert (await bench.asks("POST", "/api/runners/register", token, json=ABOUT)).status == 200
    assert (await bench.asks("POST", path, token)).json == "Success"
    assert (await bench.asks("POST", "/api/runners/register", token, json=ABOUT)).status == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "x" * 41), ("git_hash", 7), ("version", None), ("priority", 0), ("priority", True)],
)
async def test_a_runner_describes_itself(field: str, value: object) -> None:
    bench = SiteBench()

    answer = await bench.asks(
        "POST", "/api/runners/register", bench.runner(), json=ABOUT | {field: value}
    )

    assert (answer.status, answer.json["detail"][0]["loc"]) == (422, ["body", field])
