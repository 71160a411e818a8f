"""What others do in the small model: people, the garbage collector, and whoever restores a backup."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from model.state import NOTHING, Known, State
from model.translation import Resource, Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.state import Budget

Successor: TypeAlias = tuple[str, State]
"""What happens, and the state after it."""


def outside(state: State) -> Iterator[Successor]:
    """What may come between any two calls of the leaders."""
    yield from _edits(state)
    budget, resource, secret = state.budget, state.resource.value, state.secret.value
    if isinstance(secret, Secret):
        if not isinstance(resource, Resource) or resource.life != secret.life:
            yield "the garbage collector", _changed(state, secret=None)
        elif budget.losses:
            yield (
                "deletes the Secret",
                _changed(state, secret=None, budget=budget._replace(losses=budget.losses - 1)),
            )
        if budget.forgeries and secret.token:
            yield (
                "forges the token",
                _changed(
                    state,
                    secret=secret._replace(token=0),
                    budget=budget._replace(forgeries=budget.forgeries - 1),
                ),
            )
    if state.backup is not None:
        yield "restores", _restored(state)


def _edits(state: State) -> Iterator[Successor]:
    budget, resource = state.budget, state.resource.value
    if not isinstance(resource, Resource):
        life = state.life + 1
        created = Resource(life=life, narrow=False)
        yield "creates it anew", _changed(state, resource=created)._replace(life=life)
        return
    if budget.narrowings and not resource.narrow:
        yield (
            "narrows the rights",
            _changed(
                state,
                resource=resource.edited(narrow=True),
                budget=budget._replace(narrowings=budget.narrowings - 1),
            ),
        )
    if budget.revocations and not resource.revoked:
        yield (
            "revokes",
            _changed(
                state,
                resource=resource.edited(revoked=True),
                budget=budget._replace(revocations=budget.revocations - 1),
            ),
        )
    if budget.deletions:
        yield (
            "deletes the resource",
            _changed(state, resource=None, budget=budget._replace(deletions=budget.deletions - 1)),
        )


_UNSAID = object()


def _changed(
    state: State,
    *,
    resource: object = _UNSAID,
    secret: object = _UNSAID,
    budget: Budget | None = None,
) -> State:
    """The state after a write of somebody else."""
    version = state.version + 1
    if resource is not _UNSAID:
        assert resource is None or isinstance(resource, Resource)
        state = state._replace(resource=Known(resource, version) if resource else NOTHING)
    if secret is not _UNSAID:
        assert secret is None or isinstance(secret, Secret)
        state = state._replace(secret=Known(secret, version) if secret else NOTHING)
    return state._replace(version=version, budget=budget or state.budget)


def _restored(state: State) -> State:
    """The backup in the place of everything, at its own old versions; new ones go on beyond all others."""
    assert state.backup is not None
    return state._replace(
        resource=state.backup.resource,
        secret=state.backup.secret,
        backup=None,
    )
