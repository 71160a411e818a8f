"""What the accounts of our processes may do, as the API server lists it: compared with what was agreed on."""

import re
from pathlib import Path

import pytest

from manifests.installation import SYSTEM, Installation

GOLDEN = Path(__file__).parent / "data"


@pytest.mark.parametrize("namespace", [SYSTEM, "mintmaster-api", "default"])
@pytest.mark.parametrize("process", ["operator", "gate"])
def test_an_account_may_do_what_its_process_needs_and_no_more(
    installation: Installation, process: str, namespace: str
) -> None:
    account = installation.service_account(SYSTEM, f"mintmaster-{process}")
    allowed = account.kubectl("auth", "can-i", "--list", "-n", namespace)
    golden = GOLDEN / f"{process}-in-{namespace}.txt"
    assert rules(allowed) == golden.read_text().splitlines()


def rules(listed: str) -> list[str]:
    """Leave out what every authenticated user may do by Kubernetes: discovery, and reviews of oneself."""
    lines = (re.sub(r" {2,}", "  ", line).rstrip() for line in listed.splitlines()[1:])
    return sorted(in_order(line) for line in lines if not re.match(r"self|\s*\[/", line))


def in_order(line: str) -> str:
    """Sort the verbs, whose order depends on which binding was found first."""
    rule, _, verbs = line.rpartition("[")
    return f"{rule}[{' '.join(sorted(verbs.rstrip(']').split()))}]"


NOBODYS = [
    ("impersonate", "users"),
    ("escalate", "clusterroles"),
    ("bind", "clusterroles"),
    ("create", "serviceaccounts/token"),
    ("create", "pods"),
    ("approve", "useraccesstokens.mintmaster.dev"),
]
"""What no process of ours may do anywhere."""

NOT_THE_OPERATORS = [("grant", "scopes.mintmaster.dev"), ("deliver", "digests.mintmaster.dev")]
NOT_THE_GATES = [
    ("get", "secrets"),
    ("list", "secrets"),
    ("issue", "useraccesstokens.mintmaster.dev"),
]


@pytest.mark.parametrize(
    ("process", "rights"),
    [("operator", NOBODYS + NOT_THE_OPERATORS), ("gate", NOBODYS + NOT_THE_GATES)],
)
def test_no_process_can_make_itself_more_than_it_is(
    installation: Installation, process: str, rights: list[tuple[str, str]]
) -> None:
    account = installation.service_account(SYSTEM, f"mintmaster-{process}")
    for verb, resource in rights:
        done = account.try_kubectl("auth", "can-i", verb, resource, "--all-namespaces")
        assert done.stdout.strip() == "no", (verb, resource)
