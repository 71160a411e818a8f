"""What people, backup tools and time do in a model's cluster, past the operator."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from mintmaster.api import names
from mintmaster.api.kinds import TOKEN_ISSUER, USER_ACCESS_TOKEN
from model.database import Place
from reconcile.builders import grant, issuer, secret, user

if TYPE_CHECKING:
    from model.database import Database, Object

TEAM = "team"
SCOPES = ("api", "read_api", "create_runner")
ISSUER = Place(TOKEN_ISSUER.plural, "", "default")


ISSUES_PER_HOUR = 20
"""The budget, which is all that ends a quarrel between two who both lead."""


def token_place(name: str) -> Place:
    return Place(USER_ACCESS_TOKEN.plural, TEAM, name)


def secret_place(name: str) -> Place:
    return Place("secrets", TEAM, name)


def default_issuer() -> Object:
    """An issuer of the model's namespace, with short times so that much happens in a day."""
    made = issuer(
        "default", TEAM, limits={"defaultLifetime": "24h", "issuesPerHour": ISSUES_PER_HOUR}
    )
    made["metadata"]["generation"] = 1
    return made


def user_token(name: str, *, secret_name: str, scopes: tuple[str, ...], overlap: str) -> Object:
    """A UserAccessToken with a Secret of that name."""
    return user(
        name,
        scopes=list(scopes),
        token={"overlap": overlap},
        secret={"name": secret_name, "tokenKey": "token"},
    )


class People:
    """Everybody but the operators; each act is one write of theirs, or a few."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def exists(self, place: Place) -> bool:
        return place in self._database.objects

    def create_token(self, name: str, **spec: Any) -> None:
        self._database.create(token_place(name), user_token(name, **spec))

    def edit(self, place: Place, **spec: Any) -> None:
        self._database.patch(place, {"spec": spec})

    def rotate(self, place: Place, request: str) -> None:
        self._database.patch(
            place, {"metadata": {"annotations": {names.ANNOTATION_ROTATE: request}}}
        )

    def put_token(self, name: str, token: str) -> None:
        """Write another token over the one in a Secret, where it can be changed."""
        if not self._database.get(secret_place(name)).get("immutable"):
            self._database.patch(secret_place(name), {"data": {"token": encoded(token)}})

    def strip(self, name: str, *, labels: bool, owners: bool) -> None:
        """Take our labels, the owner, or both off a Secret."""
        meta: Object = {}
        if labels:
            found = self._database.get(secret_place(name))
            meta["labels"] = dict.fromkeys(found["metadata"].get("labels", {}))
        if owners:
            meta["ownerReferences"] = []
        self._database.patch(secret_place(name), {"metadata": meta})

    def make_immutable(self, name: str) -> None:
        self._database.patch(secret_place(name), {"immutable": True})

    def put_foreign_secret(self, name: str) -> None:
        """Have a Secret of somebody else stand there."""
        if self.exists(secret_place(name)):
            self._database.delete(secret_place(name))
        made = secret(name, type="Opaque", data={"password": encoded("precious")})
        self._database.create(secret_place(name), made)

    def grant(self, scopes: tuple[str, ...]) -> None:
        """Have the issuer grant these scopes, and everything else."""
        self.edit(ISSUER, grants=[grant(TEAM, scopes=list(scopes))])

    def withdraw_key(self) -> None:
        """Withdraw the key that signs."""
        found = self._database.get(ISSUER)
        active = [it["id"] for it in found["status"].get("keys", []) if it["state"] == "Active"]
        self.edit(ISSUER, withdrawnKeys=[*found["spec"].get("withdrawnKeys", []), *active])

    def restore_by_tool(self, *, status: bool) -> None:
        """Bring everything of the namespace back as a backup tool does: new UIDs, no owners, perhaps no status."""
        left = [it for it in sorted(self._database.objects) if it.namespace == TEAM]
        bodies = {place: self._database.objects[place] for place in left}
        for place in left:
            self._database.delete(place)
        for place, body in bodies.items():
            meta = {
                name: value
                for name, value in body["metadata"].items()
                if name in {"name", "namespace", "labels", "annotations"}
            }
            kept = {name: it for name, it in body.items() if status or name != "status"}
            self._database.create(place, kept | {"metadata": meta})


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def decoded(text: str) -> str:
    return base64.b64decode(text).decode()
