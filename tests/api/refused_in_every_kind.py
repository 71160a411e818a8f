"""What is refused in the parts that kinds of tokens share: token, delivery, Secret, and the rest."""

from api.refusal import SIXTY_FOUR, case
from api.resources import called, having, user_token

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
