"""URL paths of the API."""

import pytest

from mintmaster.kube.paths import collection_path, object_path, route


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("v1", "secrets", "a", "b"), "/api/v1/namespaces/a/secrets/b"),
        (("v1", "namespaces", None, "a"), "/api/v1/namespaces/a"),
        (("apps/v1", "deployments", "a", "b"), "/apis/apps/v1/namespaces/a/deployments/b"),
        (("m.dev/v1", "issuers", None, "x", "status"), "/apis/m.dev/v1/issuers/x/status"),
        (("v1", "secrets", "a", "b/../c?d"), "/api/v1/namespaces/a/secrets/b%2F..%2Fc%3Fd"),
    ],
)
def test_object_path(arguments: tuple[str, str, str | None, str], expected: str) -> None:
    assert object_path(*arguments) == expected


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name"):
        object_path("v1", "secrets", "a", name)


def test_collection_path() -> None:
    assert collection_path("v1", "secrets") == "/api/v1/secrets"
    assert (
        collection_path("apps/v1", "deployments", "a") == "/apis/apps/v1/namespaces/a/deployments"
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/namespaces/a/secrets/b", ("secrets", True)),
        ("/api/v1/namespaces/a/secrets", ("secrets", False)),
        ("/api/v1/secrets", ("secrets", False)),
        ("/api/v1/namespaces", ("namespaces", False)),
        ("/api/v1/namespaces/a", ("namespaces", True)),
        ("/apis/m.dev/v1/issuers/x/status", ("issuers/status", True)),
        ("/apis/m.dev/v1/namespaces/a/tokens/x/status", ("tokens/status", True)),
        ("/version", ("", False)),
    ],
)
def test_route_names_the_resource(path: str, expected: tuple[str, bool]) -> None:
    assert route(path) == expected
