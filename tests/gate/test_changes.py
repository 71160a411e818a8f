"""What was found about a token is used again only while nothing has changed: the count of changes is what tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from gate.workbench import ASKER_UID, SERVICES, UID, Workbench

if TYPE_CHECKING:
    from collections.abc import Callable

    from mintmaster.gate.knowledge import Knowledge
    from mintmaster.gate.messages import Answer
    from mintmaster.lifecycle.known import KnownResource

CHANGES: dict[str, Callable[[Knowledge], None]] = {
    "a resource is edited": lambda knowledge: knowledge.observe(_revoked(knowledge)),
    "a resource is gone": lambda knowledge: knowledge.forget(ASKER_UID),
    "a list lacks it": lambda knowledge: knowledge.keep_only("UserAccessToken", set()),
    "a namespace has other labels": lambda knowledge: knowledge.observe_labels("team", {"a": "b"}),
    "a namespace is gone": lambda knowledge: knowledge.forget_labels("team"),
    "a list lacks the namespace": lambda knowledge: knowledge.keep_only_namespaces(set()),
    "an issuer is edited": lambda knowledge: knowledge.observe_issuer(knowledge.issuers["default"]),
    "an issuer is gone": lambda knowledge: knowledge.forget_issuer("default", "issuer"),
    "a list lacks the issuer": lambda knowledge: knowledge.keep_only_issuers(set()),
}


def _revoked(knowledge: Knowledge, uid: str = ASKER_UID) -> KnownResource:
    resource = knowledge.resource(uid)
    assert resource is not None
    return msgspec.structs.replace(resource, revoked=True)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_is_counted(change: Callable[[Knowledge], None]) -> None:
    knowledge = Workbench().process.knowledge
    knowledge.observe_labels("team", {})
    before = knowledge.changes
    change(knowledge)
    assert knowledge.changes > before


async def test_a_finding_that_was_just_used_does_not_outlive_a_revocation() -> None:
    bench = Workbench()
    token = bench.issue()
    assert await bench.is_active(token)
    assert await bench.is_active(token)
    knowledge = bench.process.knowledge
    knowledge.observe(_revoked(knowledge, UID))
    assert not await bench.is_active(token)


async def drawn_out(bench: Workbench, token: str, meanwhile: Callable[[], None]) -> Answer | None:
    """Ask for a review, and have something happen before the last of the body is sent."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}
    body = msgspec.json.encode(review | {"spec": {"token": token, "audiences": [SERVICES]}})
    parts = iter((body[:9], body[9:]))

    async def receive() -> dict[str, object]:
        part = next(parts)
        if part != body[:9]:
            meanwhile()
        return {"type": "http.request", "body": part, "more_body": part == body[:9]}

    scope = {"type": "http", "method": "POST", "path": "/k8s/tokenreview", "headers": []}
    return await bench.app.answer(scope, receive)


async def test_a_request_that_is_drawn_out_is_judged_by_what_is_known_at_its_end() -> None:
    bench = Workbench()
    token = bench.issue()
    untouched = await drawn_out(bench, token, lambda: None)
    assert untouched is not None
    assert b'"authenticated":true' in untouched.body
    withdrawn = await drawn_out(bench, token, lambda: bench.publish(withdrawnKeys=[bench.key.kid]))
    assert withdrawn is not None
    assert b'"authenticated":false' in withdrawn.body


async def test_an_issuer_that_goes_while_a_request_is_drawn_out_answers_no_more() -> None:
    bench = Workbench()
    gone = await drawn_out(
        bench, bench.issue(), lambda: bench.process.knowledge.forget_issuer("default", "issuer")
    )
    assert gone is not None
    assert gone.status == 404


async def test_knowledge_that_grows_too_old_while_a_request_is_drawn_out_is_no_answer() -> None:
    bench = Workbench()
    late = await drawn_out(bench, bench.issue(), lambda: setattr(bench, "age", 601.0))
    assert late is not None
    assert late.status == 503
