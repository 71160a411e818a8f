"""What the API server refuses by our CRDs: each message names the field and the rule."""

import pytest

from api.api_server import ApiServer
from api.resources import Manifest, called, having, issuer, lacking, runner, user_token

SIXTY_FOUR = "a" * 64


def case(sentence: str, resource: Manifest, *fragments: str) -> object:
    return pytest.param(resource, fragments, id=sentence)


TOKEN_CASES = [
    case(
        "lifetime of the wrong type",
        user_token(having("token.lifetime", 3600)),
        "spec.token.lifetime: Invalid value",
        "must be of type string",
    ),
    *(
        case(
            f"lifetime {text!r}",
            user_token(having("token.lifetime", text)),
            "spec.token.lifetime",
            "lifetime must be a duration of at least 10m",
        )
        for text in (
            "",
            "0",
            "0s",
            "-1",
            "-1h",
            "1s",
            "9m59s",
            "1e9h",
            "30d",
            "P1D",
            "1 day",
            "10m\n",
        )
    ),
    case(
        "lifetime that overflows",
        user_token(having("token.lifetime", "9" * 30 + "h")),
        "spec.token.lifetime: Too long: may not be more than 18 bytes",
    ),
    case(
        "both forms of renewBefore",
        user_token(having("token.renewBefore", "8h"), having("token.renewBeforePercentage", 30)),
        "spec.token.renewBefore",
        "renewBefore and renewBeforePercentage exclude each other",
    ),
    case(
        "renewBefore as long as the lifetime",
        user_token(having("token.lifetime", "1h"), having("token.renewBefore", "60m")),
        "spec.token.renewBefore",
        "renewBefore must be at least 5m shorter than lifetime",
    ),
    case(
        "renewBefore that renews every 4m59s",
        user_token(having("token.lifetime", "1h"), having("token.renewBefore", "55m1s")),
        "renewing more often than every 5m is refused",
    ),
    case(
        "renewBeforePercentage that renews every 3m",
        user_token(having("token.lifetime", "10m"), having("token.renewBeforePercentage", 51)),
        "spec.token.renewBeforePercentage",
        "renewing more often than every 5m is refused",
    ),
    case(
        "renewBeforePercentage 0",
        user_token(having("token.renewBeforePercentage", 0)),
        "spec.token.renewBeforePercentage",
        "should be greater than or equal to 1",
    ),
    case(
        "renewBeforePercentage 91",
        user_token(having("token.renewBeforePercentage", 91)),
        "spec.token.renewBeforePercentage",
        "should be less than or equal to 90",
    ),
    case(
        "overlap as long as the lifetime",
        user_token(having("token.lifetime", "10m"), having("token.overlap", "600s")),
        "spec.token.overlap",
        "overlap must be shorter than lifetime",
    ),
    case(
        "unreadable overlap beside a good lifetime",
        user_token(having("token.lifetime", "1h"), having("token.overlap", "soon")),
        "spec.token.overlap",
        "overlap must be a duration of at least 0s",
    ),
    case(
        "unknown format",
        user_token(having("token.format", "PASETO")),
        "spec.token.format: Unsupported value",
        '"JWT", "Opaque"',
    ),
    case(
        "prefix of a JWT",
        user_token(having("token.prefix", "glrt-")),
        "spec.token.prefix",
        "prefix is possible with format Opaque only",
    ),
    case(
        "prefix with a blank",
        user_token(having("token.format", "Opaque"), having("token.prefix", "gl rt")),
        "spec.token.prefix",
        "should match",
    ),
    case(
        "nine audiences",
        user_token(having("token.audiences", [f"https://{n}.example.org" for n in range(9)])),
        "spec.token.audiences: Too many: 9: must have at most 8 items",
    ),
    case(
        "the same audience twice",
        user_token(having("token.audiences", ["a", "b", "a"])),
        "spec.token.audiences",
        "audiences must not contain the same entry twice",
    ),
]

DELIVERY_CASES = [
    case(
        "Caller without saying Opaque",
        user_token(having("delivery", "Caller")),
        "spec.token.format",
        "delivery Caller demands that token.format is said to be Opaque",
    ),
    case(
        "Caller with a Secret",
        user_token(
            having("delivery", "Caller"),
            having("token.format", "Opaque"),
            having("secret.tokenKey", "key"),
        ),
        "spec.secret",
        "delivery Caller has no Secret",
    ),
    case(
        "Caller with restarts",
        user_token(
            having("delivery", "Caller"),
            having("token.format", "Opaque"),
            having("restart", [{"kind": "Deployment", "name": "web"}]),
        ),
        "leave out secret and restart",
    ),
    case(
        "Caller with a renewal",
        user_token(
            having("delivery", "Caller"),
            having("token.format", "Opaque"),
            having("token.renewBefore", "1h"),
        ),
        "spec.token.renewBefore",
        "delivery Caller has no renewal",
    ),
    case(
        "digest of a token in a Secret",
        user_token(having("token.valueDigest", "a" * 43)),
        "spec.token.valueDigest",
        "token.valueDigest is possible with delivery Caller only",
    ),
    case(
        "digest in hexadecimal",
        user_token(
            having("delivery", "Caller"),
            having("token.format", "Opaque"),
            having("token.valueDigest", "a" * 64),
        ),
        "spec.token.valueDigest: Too long: may not be more than 43 bytes",
    ),
    case(
        "unknown delivery",
        user_token(having("delivery", "Post")),
        "spec.delivery: Unsupported value",
    ),
]

SECRET_CASES = [
    *(
        case(
            f"Secret called {name[:20]!r}",
            user_token(having("secret.name", name)),
            "spec.secret.name",
            "should match",
        )
        for name in ("Upper", "a/b", "../../kube-system/x", "-a", "a..b", "a\n")
    ),
    *(
        case(
            f"token key {key!r}",
            user_token(having("secret.tokenKey", key)),
            "spec.secret.tokenKey",
            "should match",
        )
        for key in ("", ".", "..", "..data", "a/b", "a b", "ключ")
    ),
    case(
        "both token keys the same",
        user_token(having("secret.previousTokenKey", "token")),
        "spec.secret.previousTokenKey",
        "previousTokenKey must differ from tokenKey",
    ),
    case(
        "template over the token",
        user_token(having("secret.template.data", {"token": "x"})),
        "spec.secret.template.data",
        "template.data must not have the keys of tokenKey and previousTokenKey",
    ),
    case(
        "template over the previous token",
        user_token(
            having("secret.previousTokenKey", "old"), having("secret.template.data", {"old": "x"})
        ),
        "template.data must not have the keys of tokenKey and previousTokenKey",
    ),
    *(
        case(
            f"template for key {key[:20]!r}",
            user_token(having("secret.template.data", {key: "x"})),
            "spec.secret.template.data",
            "data must have keys of letters, digits",
        )
        for key in ("..data", "a/b", "", "k" * 254)
    ),
    case(
        "template of more than 64 KiB",
        user_token(having("secret.template.data", {"config.toml": "x" * 65537})),
        "spec.secret.template.data.config.toml: Too long: may not be more than 65536 bytes",
    ),
    case(
        "33 templates",
        user_token(having("secret.template.data", {f"k{n}": "" for n in range(33)})),
        "spec.secret.template.data: Too many: 33: must have at most 32 items",
    ),
    *(
        case(
            f"{part} {key}",
            user_token(having(f"secret.template.{part}", {key: "x"})),
            f"spec.secret.template.{part}",
            f"{part} must not have keys under mintmaster.dev/, kubernetes.io/, k8s.io/",
        )
        for part in ("labels", "annotations")
        for key in (
            "mintmaster.dev/uid",
            "kubernetes.io/service-account.name",
            "kubernetes.io/enforce-mountable-secrets",
            "k8s.io/x",
            "node.kubernetes.io/x",
            "a.b.k8s.io/x",
            "app.kubernetes.io/managed-by",
            "x.app.kubernetes.io/name",
        )
    ),
    *(
        case(
            f"label key {key[:20]!r}",
            user_token(having("secret.template.labels", {key: "x"})),
            "spec.secret.template.labels",
            "labels must have keys such as tier or example.org/tier",
        )
        for key in ("", "a b", "/x", "a/b/c", "l" * 64, "Upper.example/x")
    ),
    case(
        "label value with a blank",
        user_token(having("secret.template.labels", {"tier": "a b"})),
        "spec.secret.template.labels.tier",
        "should match",
    ),
    case(
        "unknown deletion policy",
        user_token(having("secret.deletionPolicy", "Keep")),
        "spec.secret.deletionPolicy: Unsupported value",
    ),
    case(
        "unknown adoption policy",
        user_token(having("secret.adoptionPolicy", "Always")),
        "spec.secret.adoptionPolicy: Unsupported value",
    ),
]

COMMON_CASES = [
    case(
        "name of 64 characters",
        user_token(called(SIXTY_FOUR)),
        "metadata.name must have at most 63 characters",
    ),
    case(
        "issuer's name with an upper-case letter",
        user_token(having("issuerRef.name", "Default")),
        "spec.issuerRef.name",
        "should match",
    ),
    case(
        "17 restarts",
        user_token(having("restart", [{"kind": "Deployment", "name": f"a{n}"} for n in range(17)])),
        "spec.restart: Too many: 17: must have at most 16 items",
    ),
    case(
        "the same restart twice",
        user_token(having("restart", [{"kind": "Deployment", "name": "a"}] * 2)),
        "spec.restart",
        "restart must not contain the same entry twice",
    ),
    case(
        "restart of a Job",
        user_token(having("restart", [{"kind": "Job", "name": "a"}])),
        "spec.restart[0].kind: Unsupported value",
    ),
    case(
        "the same service account twice",
        user_token(having("exchange.serviceAccounts", ["ci", "ci"])),
        "spec.exchange.serviceAccounts",
        "serviceAccounts must not contain the same entry twice",
    ),
    case("no spec", {**user_token(), "spec": None}, "spec: Required value"),
]

RUNNER_CASES = [
    case("runner without a type", runner(lacking("type")), "spec.type: Required value"),
    case(
        "unknown type", runner(having("type", "Shared")), "spec.type: Unsupported value", '"Group"'
    ),
    case(
        "Project runner without a project",
        runner(having("type", "Project")),
        "spec.project",
        "project is required with type Project",
    ),
    case(
        "Instance runner with a project",
        runner(having("project", "3")),
        "spec.project",
        "project is required with type Project, and impossible with the others",
    ),
    case(
        "Group runner without a group",
        runner(having("type", "Group")),
        "spec.group",
        "group is required with type Group",
    ),
    case(
        "Project runner with a group, too",
        runner(having("type", "Project"), having("project", "3"), having("group", "7")),
        "spec.group",
        "group is required with type Group, and impossible with the others",
    ),
    case("project of the wrong type", runner(having("project", 3)), "must be of type string"),
    case(
        "runner that takes no job",
        runner(having("runUntagged", False)),
        "spec.tags",
        "tags must have at least one entry if runUntagged is false",
    ),
    case(
        "runner with an empty list of tags that takes no job",
        runner(having("runUntagged", False), having("tags", [])),
        "tags must have at least one entry if runUntagged is false",
    ),
    case(
        "51 tags",
        runner(having("tags", [f"t{n}" for n in range(51)])),
        "spec.tags: Too many: 51: must have at most 50 items",
    ),
    case(
        "the same tag twice",
        runner(having("tags", ["linux", "linux"])),
        "spec.tags",
        "tags must not contain the same entry twice",
    ),
    case(
        "tag of 65 characters",
        runner(having("tags", ["t" * 65])),
        "spec.tags[0]: Too long: may not be more than 64 bytes",
    ),
    *(
        case(f"tag {tag!r}", runner(having("tags", [tag])), "spec.tags[0]")
        for tag in ("", " ", " linux", "linux ", "a\nb", "a\x00b", "a\x1bb")
    ),
    case(
        "maximumTimeout below 10m",
        runner(having("maximumTimeout", "9m")),
        "spec.maximumTimeout",
        "maximumTimeout must be a duration of at least 10m",
    ),
    case(
        "description of 1025 characters",
        runner(having("description", "d" * 1025)),
        "spec.description: Too long: may not be more than 1024 bytes",
    ),
    case(
        "unknown access level",
        runner(having("accessLevel", "ref_protected")),
        "spec.accessLevel: Unsupported value",
    ),
]

USER_CASES = [
    case("no user", user_token(lacking("user")), "spec.user: Required value"),
    case("no address", user_token(lacking("user.email")), "spec.user.email: Required value"),
    *(
        case(
            f"address {address!r}",
            user_token(having("user.email", address)),
            "spec.user.email",
            "should match",
        )
        for address in (
            "Ada@example.org",
            "Bob <b@c.d>",
            "ada",
            "ada@",
            "@example.org",
            "a b@c.d",
            "*@example.org",
            "ada@example.org\n",
            "ada@exämple.org",
            "a@b@c",
            "ada@-example.org",
        )
    ),
    case(
        "address of 255 characters",
        user_token(having("user.email", f"{'a' * 243}@example.org")),
        "spec.user.email: Too long: may not be more than 254 bytes",
    ),
    case(
        "17 scopes",
        user_token(having("scopes", [f"s{n}" for n in range(17)])),
        "spec.scopes: Too many: 17: must have at most 16 items",
    ),
    case(
        "10,000 scopes",
        user_token(having("scopes", [f"s{n}" for n in range(10_000)])),
        "spec.scopes: Too many",
    ),
    *(
        case(
            f"scope {scope!r}",
            user_token(having("scopes", [scope])),
            "spec.scopes[0]",
            "should match",
        )
        for scope in ("read_api api", 'a"b', "a\\b", "läsa", "a\tb", "a\n")
    ),
    case(
        "empty scope",
        user_token(having("scopes", [""])),
        "spec.scopes[0] in body should be at least 1 chars long",
    ),
    case(
        "scope of 129 characters",
        user_token(having("scopes", ["s" * 129])),
        "spec.scopes[0]: Too long: may not be more than 128 bytes",
    ),
    *(
        case(
            f"the same entry of {field} twice",
            user_token(having(field, ["x", "x"])),
            f"spec.{field}",
            f"{field} must not contain the same entry twice",
        )
        for field in ("scopes", "roles", "projects")
    ),
    *(
        case(
            f"17 {field}",
            user_token(having(field, [f"x{n}" for n in range(17)])),
            f"spec.{field}: Too many: 17: must have at most 16 items",
        )
        for field in ("roles", "projects")
    ),
    *(
        case(
            f"{field} with a blank",
            user_token(having(field, ["a b"])),
            f"spec.{field}[0]",
            "should match",
        )
        for field in ("roles", "projects")
    ),
]


def granting(**grant: object) -> Manifest:
    return issuer(having("grants", [{"namespaces": {"names": ["*"]}, **grant}]))


def selecting(**namespaces: object) -> Manifest:
    return issuer(having("grants", [{"namespaces": namespaces}]))


ISSUER_CASES = [
    *(
        case(f"url {url}", issuer(having("url", url)), "spec.url", "should match")
        for url in (
            "http://tokens.example.org",
            "https://Tokens.example.org",
            "https://tokens.example.org?a=b",
            "https://tokens.example.org/#x",
            "https://user@tokens.example.org",
            "https://",
            "tokens.example.org",
            "https://tokens.example.org/a b",
            "https://tokens.example.org/a//b",
        )
    ),
    case("no audience", issuer(having("audiences", [])), "spec.audiences", "at least 1 items"),
    case("unknown signer", issuer(having("signer", "Me")), "spec.signer: Unsupported value"),
    case(
        "unknown algorithm",
        issuer(having("signing.algorithm", "none")),
        "spec.signing.algorithm: Unsupported value",
    ),
    case(
        "publishBefore as long as keyLifetime",
        issuer(having("signing.keyLifetime", "1h")),
        "spec.signing.publishBefore",
        "publishBefore must be shorter than keyLifetime",
    ),
    case(
        "defaultLifetime above maxLifetime",
        issuer(having("limits.maxLifetime", "24h")),
        "spec.limits.defaultLifetime",
        "defaultLifetime (720h if left out) must not exceed maxLifetime",
    ),
    case(
        "Gate with lifetimes of a year",
        issuer(having("signer", "Gate")),
        "spec.limits.maxLifetime",
        "signer Gate demands limits.maxLifetime of at most 24h",
    ),
    case(
        "no issues at all",
        issuer(having("limits.issuesPerHour", 0)),
        "spec.limits.issuesPerHour",
        "greater than or equal to 1",
    ),
    case(
        "the same scope twice",
        issuer(having("scopes", [{"name": "api"}, {"name": "api", "description": "again"}])),
        "spec.scopes",
        "scopes must not contain the same name twice",
    ),
    case(
        "the same role twice",
        issuer(having("roles", [{"name": "Editor"}, {"name": "Editor"}])),
        "spec.roles",
        "roles must not contain the same name twice",
    ),
    case(
        "role with a scope that does not exist",
        issuer(
            having("scopes", [{"name": "api"}]),
            having("roles", [{"name": "Editor", "scopes": ["api", "sudo"]}]),
        ),
        "spec.roles",
        "roles must name only scopes that stand in scopes",
    ),
    case(
        "role with a scope and no scopes",
        issuer(having("roles", [{"name": "Editor", "scopes": ["api"]}])),
        "roles must name only scopes that stand in scopes",
    ),
    case(
        "65 scopes",
        issuer(having("scopes", [{"name": f"s{n}"} for n in range(65)])),
        "spec.scopes: Too many: 65: must have at most 64 items",
    ),
    case(
        "257 grants",
        issuer(having("grants", [{"namespaces": {"names": ["a"]}}] * 257)),
        "spec.grants: Too many: 257: must have at most 256 items",
    ),
    case(
        "grant without namespaces",
        issuer(having("grants", [{"scopes": ["*"]}])),
        "spec.grants[0].namespaces: Required value",
    ),
    case(
        "grant that selects nothing",
        selecting(),
        "spec.grants[0].namespaces",
        "namespaces must select by names, by selector, or by both",
    ),
    case(
        "grant with an empty selector",
        selecting(selector={}),
        "spec.grants[0].namespaces.selector",
        "selector must not be empty",
    ),
    case(
        "selector In without values",
        selecting(selector={"matchExpressions": [{"key": "tier", "operator": "In"}]}),
        "values are needed with the operators In and NotIn",
    ),
    case(
        "selector Exists with values",
        selecting(
            selector={"matchExpressions": [{"key": "tier", "operator": "Exists", "values": ["a"]}]}
        ),
        "impossible with the others",
    ),
    case(
        "grant of an unknown kind",
        granting(kinds=["Secret"]),
        "spec.grants[0].kinds[0]",
        "should match",
    ),
    case(
        "grant of the same scope twice",
        granting(scopes=["api", "api"]),
        "spec.grants[0].scopes[1]: Duplicate value",
    ),
    case(
        "key withdrawn twice",
        issuer(having("withdrawnKeys", ["k", "k"])),
        "withdrawnKeys must not contain the same entry twice",
    ),
    case(
        "unknown foreign API",
        issuer(having("compatibleApis", ["GitHub"])),
        "spec.compatibleApis[0]: Unsupported value",
    ),
    case("notBefore in words", issuer(having("notBefore", "yesterday")), "spec.notBefore"),
    case(
        "apiNamespace with a dot",
        issuer(having("apiNamespace", "a.b")),
        "spec.apiNamespace",
        "should match",
    ),
]


@pytest.mark.parametrize(
    ("resource", "fragments"),
    [
        *TOKEN_CASES,
        *DELIVERY_CASES,
        *SECRET_CASES,
        *COMMON_CASES,
        *RUNNER_CASES,
        *USER_CASES,
        *ISSUER_CASES,
    ],
)
def test_is_refused_with_a_message_that_names_field_and_rule(
    shared_api: ApiServer, resource: Manifest, fragments: tuple[str, ...]
) -> None:
    answer = shared_api.create(resource, dry_run=True)

    assert answer.status == 422, answer.body
    for fragment in fragments:
        assert fragment in answer.message
