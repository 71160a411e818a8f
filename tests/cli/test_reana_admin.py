"""`mintmaster admin`: what scripts written for reana-admin type, read and rely on."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from mintmaster.api import names
from mintmaster.api.kinds import USER_ACCESS_TOKEN
from mintmaster.cli.reana_granting import brought
from mintmaster.kube.errors import Forbidden, Invalid
from mintmaster.kube.paths import collection_path
from mintmaster.tokens.digests import digest
from reconcile.builders import user
from reconcile.denying import denying
from reconcile.reading import is_ready

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

    from cli.person import Person

OPAQUE = {"format": "Opaque"}
ADA = "ada@team.example"
ID = "aa37d63d-3186-45d5-aa40-5d221cb170bf"
TOKEN = "Drmhze6EPcv0fN_81Bj-nA"
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@dataclass
class Administrator:
    """Somebody who types the commands with an administrator's token."""

    person: Person
    token: str

    async def tries(self, command: str, *arguments: str, text: str = "") -> Result:
        return await self.person.tries(
            *("admin", command, *arguments, *self.person.issuer),
            *("--operator-namespace", self.person.cluster.namespace),
            *("--admin-access-token", self.token),
            text=text,
        )

    async def does(self, command: str, *arguments: str, text: str = "") -> str:
        done = await self.tries(command, *arguments, text=text)
        assert done.exit_code == 0, done.output
        return done.stdout

    async def listed(self, *arguments: str) -> dict[str, dict[str, str]]:
        """The users by address, as the JSON of user-list has them."""
        found: list[dict[str, str]] = json.loads(await self.does("user-list", "--json", *arguments))
        return {user["email"]: user for user in found}

    async def granted(self, *arguments: str, text: str = "") -> str:
        said = await self.does("token-grant", *arguments, text=text)
        found = re.search(r"Token: (\S+)\n", said)
        assert found, said
        return found[1]

    async def active(self, email: str) -> list[str]:
        """The digests of the tokens on record for a user's account."""
        items = await self.person.cluster.get(
            f"/apis/mintmaster.dev/v1alpha1/namespaces/{self.person.cluster.namespace}/useraccesstokens"
        )
        return [
            token["digest"]
            for item in items["items"]
            if item["spec"]["user"]["email"] == email and not item["spec"].get("revoked")
            for token in item.get("status", {}).get("tokens", [])
        ]


@pytest.fixture
async def admin(person: Person) -> Administrator:
    cluster = person.cluster
    await cluster.edit_issuer(apiNamespace=cluster.namespace)
    await cluster.ready_user("admin", roles=["Administrator"], token=OPAQUE)
    token = (await cluster.secret_data("admin-token"))["token"]
    return Administrator(person, token)


async def request(admin: Administrator, email: str = ADA, **spec: Any) -> None:
    """Have a user who asks for a token, as over HTTP."""
    await admin.person.cluster.create_user(
        "asks", user={"email": email}, delivery="Caller", token=OPAQUE, **spec
    )
    await admin.person.cluster.user_where(lambda it: it.status.state == "Requested", "asks")


async def test_a_user_is_created_with_a_token_that_is_shown_once(admin: Administrator) -> None:
    said = await admin.does("user-create", "--email", ADA)

    first, header, row = said.splitlines()
    assert first == "User was successfully created."
    own_id, email, token = row.split()
    assert re.fullmatch(UUID, own_id)
    assert email == ADA
    assert header == "ID".ljust(36) + "   " + "EMAIL".ljust(
        len(ADA)
    ) + "   " + "ACCESS_TOKEN".ljust(49)
    assert await admin.active(ADA) == [digest(token)]
    assert (await admin.listed())[ADA] == {
        "id": own_id,
        "email": ADA,
        "access_token": "********",
        "access_token_status": "active",
    }


async def test_a_token_that_is_brought_along_is_taken_by_its_digest(admin: Administrator) -> None:
    said = await admin.does("user-create", "-e", ADA, "--user-access-token", TOKEN)

    assert said.splitlines()[2].split()[2] == TOKEN
    assert await admin.active(ADA) == [digest(TOKEN)]
    assert list(await admin.listed("--user-access-token", TOKEN)) == [ADA]


async def test_a_user_who_is_there_is_not_created_again(admin: Administrator) -> None:
    await admin.does("user-create", "-e", ADA)

    done = await admin.tries("user-create", "-e", ADA.upper())

    assert done.exit_code == 1
    assert done.stderr == (
        "User could not be created: \nCould not create user, possible constraint violation\n"
    )


@pytest.mark.parametrize("weak", ["short", "a" * 40, "0123456789" * 3, "has.a.dot" * 5, "é" * 30])
async def test_a_token_that_could_be_guessed_is_not_taken(admin: Administrator, weak: str) -> None:
    done = await admin.tries("user-create", "-e", ADA, "--user-access-token", weak)

    assert done.exit_code == 1
    assert weak not in done.output
    assert ADA not in await admin.listed()


def test_tokens_worth_128_bits_are_taken() -> None:
    for token in (TOKEN, "0123456789abcdef" * 2, "kq3v9m2x8c7p1z5w4n6b0d8f2"):
        assert brought(token) == token


async def test_an_address_that_is_none_is_said_to_be_one(admin: Administrator) -> None:
    done = await admin.tries("user-create", "-e", "nobody")

    assert (done.exit_code, done.stdout) == (1, "ERROR: Invalid email format\n")


async def test_users_are_listed_in_a_table_padded_as_it_was(admin: Administrator) -> None:
    await request(admin)

    header, *lines = (await admin.does("user-list")).splitlines()

    assert re.split(r" {2,}", header.strip()) == [
        *("ID", "EMAIL", "ACCESS_TOKEN", "ACCESS_TOKEN_STATUS")
    ]
    assert {len(line) for line in lines} == {len(header)}
    asks = next(line for line in lines if ADA in line)
    assert re.fullmatch(rf"{UUID} {{3}}\S+ +None +requested +", asks)


async def test_a_token_in_a_secret_is_shown_to_whoever_may_read_it(admin: Administrator) -> None:
    await admin.person.cluster.ready_user("ada", token=OPAQUE)
    token = (await admin.person.cluster.secret_data("ada-token"))["token"]

    assert (await admin.listed("--email", ADA))[ADA]["access_token"] == token
    found = (await admin.listed("--id", (await admin.listed())[ADA]["id"]))[ADA]
    assert found["access_token"] == token


async def test_what_was_asked_for_is_granted(admin: Administrator) -> None:
    await request(admin)
    own_id = (await admin.listed())[ADA]["id"]

    said = await admin.does("token-grant", "--email", ADA)

    found = re.fullmatch(
        rf"Token for user ({UUID}) \(ada@team.example\) granted.\n\nToken: (\S+)\n", said
    )
    assert found, said
    assert found[1] == own_id
    assert await admin.active(ADA) == [digest(found[2])]
    granted = await admin.person.cluster.user_where(is_ready, "asks")
    assert granted.spec.requested_by is not None
    assert granted.spec.requested_by.subject == "user:admin@team.example"


async def test_where_an_issuer_wants_approvals_a_grant_is_one(admin: Administrator) -> None:
    await admin.person.cluster.edit_issuer(approval={"userAccessTokens": "Manual"})
    await request(admin)

    token = await admin.granted("-e", ADA)

    assert await admin.active(ADA) == [digest(token)]


async def test_whoever_has_a_token_gets_no_other(admin: Administrator) -> None:
    await admin.does("user-create", "-e", ADA)
    own_id = (await admin.listed())[ADA]["id"]

    done = await admin.tries("token-grant", "--id", own_id)

    assert done.exit_code == 1
    assert done.stdout == f"ERROR: User {own_id} ({ADA}) has already an active access token.\n"


@pytest.mark.parametrize("command", ["token-grant", "token-revoke"])
async def test_a_user_who_does_not_exist_is_named(admin: Administrator, command: str) -> None:
    for given, named in ((("-e", "x@y.z"), "x@y.z"), (("--id", ID), ID), ((), "None")):
        done = await admin.tries(command, *given)
        assert (done.exit_code, done.stdout) == (1, f"ERROR: User {named} does not exist.\n")


async def test_a_token_is_revoked(admin: Administrator) -> None:
    await admin.does("user-create", "-e", ADA)

    said = await admin.does("token-revoke", "--email", ADA)

    assert said == f"User token ******** ({ADA}) was successfully revoked.\n"
    listed = (await admin.listed())[ADA]
    assert (listed["access_token"], listed["access_token_status"]) == ("None", "revoked")
    again = await admin.tries("token-revoke", "--email", ADA)
    assert again.exit_code == 1
    assert again.stdout == (
        f"ERROR: User {listed['id']} ({ADA}) does not have an active access token.\n"
    )


async def test_a_revocation_by_kubectl_counts(admin: Administrator) -> None:
    await admin.person.cluster.ready_user("ada", token=OPAQUE)
    await admin.person.cluster.patch(USER_ACCESS_TOKEN, "ada", {"spec": {"revoked": True}})

    assert (await admin.listed())[ADA]["access_token_status"] == "revoked"


async def test_after_a_revocation_it_is_asked_whether_to_go_on(admin: Administrator) -> None:
    await admin.does("user-create", "-e", ADA)
    await admin.does("token-revoke", "-e", ADA)
    own_id = (await admin.listed())[ADA]["id"]

    no = await admin.tries("token-grant", "-e", ADA, text="n\n")
    assert no.exit_code == 0
    assert no.stdout.startswith(
        f"User {own_id} ({ADA}) access token status is revoked, do you want to proceed? [y/N]:"
    )
    assert no.stdout.endswith("Grant token aborted.\n")
    nobody_answers = await admin.tries("token-grant", "-e", ADA, text="")
    assert nobody_answers.exit_code == 1

    token = await admin.granted("-e", ADA, text="y\n")

    assert await admin.active(ADA) == [digest(token)]
    assert (await admin.listed())[ADA]["id"] == own_id


async def test_what_is_exported_can_be_imported(admin: Administrator, tmp_path: Path) -> None:
    await admin.does("user-create", "-e", ADA)
    done = await admin.tries("user-export")
    assert done.exit_code == 0
    assert "2 access tokens" not in done.stderr
    row = next(line for line in done.stdout.splitlines() if ADA in line)
    assert re.fullmatch(rf'"{UUID}","{ADA}","\*{{8}}","",""', row)
    assert "1 access tokens are not known here" in done.stderr

    file = tmp_path / "users.csv"
    file.write_text(row + "\n", encoding="utf-8")
    assert await admin.does("user-import", "--file", str(file)) == "Users successfully imported.\n"


async def test_users_are_imported_with_their_ids_and_tokens(
    admin: Administrator, tmp_path: Path
) -> None:
    file = tmp_path / "users.csv"
    file.write_text(
        f'"{ID}","{ADA}","{TOKEN}","ada","Ada L."\n'
        '"aa37d63d-3186-45d5-aa40-5d221cb170b0","bob@team.example","","",""\n',
        encoding="utf-8",
    )

    assert await admin.does("user-import", "-f", str(file)) == "Users successfully imported.\n"

    listed = await admin.listed()
    assert (listed[ADA]["id"], listed[ADA]["access_token_status"]) == (ID, "active")
    assert listed["bob@team.example"]["access_token_status"] == "requested"
    assert await admin.active(ADA) == [digest(TOKEN)]
    again = await admin.does("user-import", "-f", str(file))
    assert again == "Users successfully imported.\n"
    token = await admin.granted("-e", "bob@team.example")
    assert await admin.active("bob@team.example") == [digest(token)]


async def test_an_import_goes_on_where_it_was_interrupted(
    admin: Administrator, tmp_path: Path
) -> None:
    rows = [
        f'"aa37d63d-3186-45d5-aa40-5d221cb17{number:03}","u{number}@team.example",'
        f'"Drmhze6EPcv0fN_81Bj-{number:03}","",""\n'
        for number in range(40)
    ]
    file = tmp_path / "users.csv"
    file.write_text("".join(rows[:15]), encoding="utf-8")
    await admin.does("user-import", "-f", str(file))
    file.write_text("".join(rows), encoding="utf-8")

    await admin.does("user-import", "-f", str(file))

    assert len(await admin.listed()) == 41


async def test_an_import_that_the_cluster_refuses_midway_says_how_far_it_came(
    admin: Administrator, tmp_path: Path
) -> None:
    cluster = admin.person.cluster
    file = tmp_path / "users.csv"
    file.write_text(
        "".join(
            f'"aa37d63d-3186-45d5-aa40-5d221cb17{number:03}","u{number}@team.example","","",""\n'
            for number in range(60)
        ),
        encoding="utf-8",
    )

    refused = user("trial", user={"email": "u50@team.example"})
    path = collection_path(names.API_VERSION, USER_ACCESS_TOKEN.plural, cluster.namespace)

    async def is_denied() -> bool:
        try:
            body = msgspec.json.encode(refused)
            await cluster.client.request("POST", path, params={"dryRun": "All"}, body=body)
        except (Forbidden, Invalid):
            return True
        return False

    allowed = "object.spec.user.email != 'u50@team.example'"
    async with denying(cluster, names.GROUP, USER_ACCESS_TOKEN.plural, is_denied, allowed):
        done = await admin.tries("user-import", "-f", str(file))

    first, reason, told = done.stderr.splitlines()
    assert (done.exit_code, done.stdout) == (1, "")
    assert first == "Something went wrong while importing users:"
    assert "not here" in reason
    assert re.fullmatch(r"\d+ of 60 users are done: run it again to go on", told)
    assert 1 < 1 + int(told.split()[0]) <= len(await admin.listed()) < 61
    await admin.does("user-import", "-f", str(file))
    assert len(await admin.listed()) == 61


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("one,two", "2 columns instead of id, email, access_token, username, full_name"),
        (f"no-uuid,{ADA},,,", "the id is no UUID"),
        (f"{ID},nobody,,,", "the address or the name that the user logs in with is malformed"),
        (f"{ID},{ADA},weak,,", "an access token has to be worth 128 random bits, 22 characters"),
        (f"{ID},{ADA},********,,", "the token is masked: it was not shown to whoever exported"),
        (f"{ID},admin@team.example,,,", "the user is there already, with another id or access"),
    ],
)
async def test_nothing_is_imported_unless_every_row_is_in_order(
    admin: Administrator, tmp_path: Path, line: str, fault: str
) -> None:
    file = tmp_path / "users.csv"
    good = '"aa37d63d-3186-45d5-aa40-5d221cb170b0","bob@team.example","","",""\n'
    file.write_text(good + line + "\n", encoding="utf-8")

    done = await admin.tries("user-import", "-f", str(file))

    assert done.exit_code == 1
    assert done.stderr.startswith("Something went wrong while importing users:\nline 2: ")
    assert fault in done.stderr
    assert list(await admin.listed()) == ["admin@team.example"]


async def test_two_users_with_one_token_are_not_imported(
    admin: Administrator, tmp_path: Path
) -> None:
    file = tmp_path / "users.csv"
    other = ID.replace("aa37", "bb37")
    file.write_text(f"{ID},{ADA},{TOKEN},,\n{other},bob@team.example,{TOKEN},,\n", encoding="utf-8")

    done = await admin.tries("user-import", "-f", str(file))

    assert done.exit_code == 1
    assert "line 2: another line has the same access token" in done.stderr
    assert TOKEN not in done.output


@pytest.mark.parametrize("command", ["user-list", "user-export", "token-grant", "token-revoke"])
async def test_whoever_is_no_administrator_is_turned_away(
    admin: Administrator, command: str
) -> None:
    await admin.person.cluster.ready_user("ada", token=OPAQUE)
    of_a_user = (await admin.person.cluster.secret_data("ada-token"))["token"]
    for bad in ("wrong", of_a_user):
        admin.token = bad
        done = await admin.tries(command)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr == "Admin access token invalid.\n"


async def test_a_revoked_administrator_is_none(admin: Administrator) -> None:
    await admin.person.cluster.patch(USER_ACCESS_TOKEN, "admin", {"spec": {"revoked": True}})

    done = await admin.tries("user-list")

    assert (done.exit_code, done.stderr) == (1, "Admin access token invalid.\n")


async def test_without_any_administrator_the_installation_is_wrong(person: Person) -> None:
    await person.cluster.edit_issuer(apiNamespace=person.cluster.namespace)

    done = await Administrator(person, "any").tries("user-list")

    assert (done.exit_code, done.stderr) == (1, "Server misconfiguration.\n")


async def test_the_administrators_token_has_to_be_named(person: Person) -> None:
    assert "--admin-access-token" in await person.fails(2, "admin", "user-list")
