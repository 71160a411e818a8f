"""From the manifests of before to those of now, while a runner works."""

from e2e.conftest import OLD_NAMES, secrets_of
from e2e.installation import Site
from e2e.runners import Object, Runner


def test_an_upgrade_keeps_every_token(site: Site, old_tokens: dict[str, Object]) -> None:
    site.admin.kubectl("wait", "--for=condition=Ready", "-n", "veteran", "rr", "--all")

    after = secrets_of(site.admin)

    assert {name: it["data"] for name, it in after.items()} == {
        name: it["data"] for name, it in old_tokens.items()
    }
    assert [it["metadata"]["uid"] for it in after.values()] == [
        it["metadata"]["uid"] for it in old_tokens.values()
    ]
    assert len(after) == len(OLD_NAMES)


def test_a_runner_is_never_without_a_gate_during_an_upgrade(site: Site, veteran: Runner) -> None:
    assert set(veteran.statuses) == {200}
