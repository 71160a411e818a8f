"""What is refused in one kind: RunnerRegistration, UserAccessToken, TokenIssuer."""

from api.refusal import case
from api.resources import Manifest, having, issuer, lacking, runner, user_token

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
