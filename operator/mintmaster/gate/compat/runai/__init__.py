"""Run:ai's API, as far as it is about applications and the tokens that they obtain."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from mintmaster.api.token_issuer import CompatibleApi
from mintmaster.gate.compat.fields import MAX_BODY, Unreadable
from mintmaster.gate.compat.operations import Dispatch, NoSuchMethod, NoSuchPath, Operations
from mintmaster.gate.compat.orders import Fault, NotIssued
from mintmaster.gate.compat.resources import Gone, NotAllowed, Unfit
from mintmaster.gate.compat.runai import answers
from mintmaster.gate.compat.runai.access import Access
from mintmaster.gate.compat.runai.applications import (
    ACCESS_KEYS,
    ALL_ACCESS_KEYS,
    APPS,
    SERVICE_ACCOUNTS,
    Applications,
)
from mintmaster.gate.compat.runai.authorization import Authorization
from mintmaster.gate.compat.runai.homes import Homes
from mintmaster.gate.compat.runai.tokens import Tokens
from mintmaster.gate.messages import come_back
from mintmaster.gate.routes import ANY, Endpoint, ForeignApi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mintmaster.gate.compat.foundation import Foundation
    from mintmaster.gate.compat.operations import Handler
    from mintmaster.gate.messages import Refused

REALMS = "/auth/realms/"
PATHS = ("/api/v1/", "/api/v2/token", "/v1/k8s/auth/oauth/apptoken")

_COLLECTIONS = {
    "/api/v1/service-accounts": SERVICE_ACCOUNTS,
    "/api/v1/apps": APPS,
    "/api/v1/access-keys": ACCESS_KEYS,
    "/api/v1/user-applications": ACCESS_KEYS,
}


def apis(foundation: Foundation) -> tuple[ForeignApi, ...]:
    """The API, to be answered below every issuer that switches it on; and realms, which are named after issuers."""
    homes = Homes(foundation)
    realms = Operations(
        {("POST", "/auth/realms/{}/protocol/openid-connect/token"): Tokens(homes).realm}
    )
    no_realm = answers.keycloak(404, "Realm does not exist").answer
    own = Operations(_tokens(homes) | _applications(homes) | _authorization(homes))
    return (
        ForeignApi(
            CompatibleApi.RUN_AI,
            (REALMS,),
            Endpoint(Dispatch(realms, _told), ANY, MAX_BODY, no_realm),
            _realm,
        ),
        ForeignApi(
            CompatibleApi.RUN_AI,
            PATHS,
            Endpoint(Dispatch(own, _told), ANY, MAX_BODY, answers.error(404).answer),
        ),
    )


def _realm(path: str) -> str:
    return path.removeprefix(REALMS).partition("/")[0]


def _tokens(homes: Homes) -> dict[tuple[str, str], Handler]:
    tokens = Tokens(homes)
    return {
        ("POST", "/api/v1/token"): tokens.first,
        ("POST", "/api/v2/token"): tokens.second,
        ("POST", "/v1/k8s/auth/oauth/apptoken"): tokens.oldest,
    }


def _applications(homes: Homes) -> dict[tuple[str, str], Handler]:
    found: dict[tuple[str, str], Handler] = {}
    for path, naming in _COLLECTIONS.items():
        its = Applications(homes.foundation, Access(homes), naming)
        found |= {
            ("GET", path): its.index,
            ("POST", path): its.create,
            ("GET", f"{path}/{{}}"): its.show,
            ("PATCH", f"{path}/{{}}"): its.update,
            ("DELETE", f"{path}/{{}}"): its.delete,
            ("POST", f"{path}/{{}}/secret"): its.regenerate,
        }
    everybodys = Applications(homes.foundation, Access(homes), ALL_ACCESS_KEYS)
    return found | {
        ("GET", "/api/v1/administration/access-keys"): everybodys.index,
        ("DELETE", "/api/v1/administration/access-keys/{}"): everybodys.delete,
    }


def _authorization(homes: Homes) -> dict[tuple[str, str], Handler]:
    its = Authorization(homes.foundation, Access(homes))
    root = "/api/v1/authorization"
    return {
        ("GET", f"{root}/roles"): its.roles,
        ("GET", f"{root}/roles/{{}}"): its.role,
        ("GET", f"{root}/access-rules"): its.rules,
        ("GET", f"{root}/access-rules/count"): its.count,
        ("GET", f"{root}/access-rules/{{}}"): its.rule,
        ("GET", f"{root}/me/access-rules"): its.own_rules,
        ("GET", f"{root}/me/access-rules/count"): its.own_count,
        ("POST", f"{root}/access-rules"): its.refuse,
        ("POST", f"{root}/access-rules/batch"): its.refuse,
        ("POST", f"{root}/access-rules/batch-create"): its.refuse,
        ("DELETE", f"{root}/access-rules/{{}}"): its.refuse,
    }


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (NoSuchPath, Gone):
        raise answers.error(404) from None
    except NoSuchMethod:
        raise answers.error(405) from None
    except Unreadable:
        raise answers.error(400, "the request cannot be read") from None
    except Unfit:
        raise answers.error(400, "no such application can be") from None
    except NotAllowed:
        raise answers.error(403) from None
    except NotIssued as error:
        raise _not_issued(error) from None


def _not_issued(error: NotIssued) -> Refused:
    match error.fault:
        case Fault.ASKER:
            return answers.error(400, "no such application can be")
        case Fault.RIGHTS:
            return answers.error(403, "it would have rights that may not be given")
        case Fault.PACE:
            return answers.error(429, "", (b"retry-after", b"60"))
        case Fault.OPERATOR:
            return come_back("the application cannot be made now")
