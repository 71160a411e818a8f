"""What the judge demands of applications, whose tokens are client secrets."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING

from chaos import reading
from chaos.judge import (
    nothing_active_that_should_not,
    nothing_inactive_that_should_not,
    one_current_token,
    wishes_fulfilled,
)
from chaos.test_judge import answer, entry, resource, secret, situation

if TYPE_CHECKING:
    from chaos.record import Object, Record

SECRET = "mms_client-secret"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def application() -> Object:
    """The same resource, as an application."""
    body = resource()
    body["kind"] = "ClientApplication"
    body["spec"] = {"scopes": ["api"], "clientSecret": {"lifetime": "24h"}}
    body["status"]["tokens"] = []
    body["status"]["secrets"] = [entry(SECRET, 2)]
    return body


def with_application(body: Object, **data: str) -> Record:
    record = situation()
    assert record.final is not None
    delivered = secret(token=SECRET)
    delivered["data"] = {key.replace("_", "-"): encoded(text) for key, text in data.items()}
    said = [answer(SECRET, active=False)]
    record.final = replace(record.final, resources=[body], secrets=[delivered], answers=said)
    return record


def broken(record: Record) -> list[str]:
    assert record.final is not None
    rules = (
        one_current_token,
        wishes_fulfilled,
        nothing_active_that_should_not,
        nothing_inactive_that_should_not,
    )
    return [text for rule in rules for text in rule(record, record.final)]


def test_a_client_secret_is_delivered_and_nothing_that_a_gate_calls_active() -> None:
    record = with_application(application(), client_id="a.b", client_secret=SECRET)
    assert broken(record) == []


def test_another_client_secret_than_that_on_record_is_found() -> None:
    record = with_application(application(), client_id="a.b", client_secret="another")
    assert broken(record) == [
        "ClientApplication a/b: the Secret does not hold the newest token on record"
    ]


def test_a_key_that_no_application_asks_for_is_found() -> None:
    record = with_application(application(), client_id="a.b", client_secret=SECRET, extra="x")
    assert broken(record) == ["ClientApplication a/b: the Secret has the keys extra, too"]


def test_another_lifetime_than_that_of_the_spec_is_found() -> None:
    body = application()
    body["spec"]["clientSecret"]["lifetime"] = "1h"
    found = broken(with_application(body, client_id="a.b", client_secret=SECRET))
    assert any("lives" in text for text in found)


def test_a_client_secret_that_a_gate_takes_for_a_token_is_found() -> None:
    record = with_application(application(), client_id="a.b", client_secret=SECRET)
    assert record.final is not None
    record.final.answers = [answer(SECRET, active=True)]
    found = broken(record)
    assert len(found) == 1
    assert reading.digest(SECRET)[:8] in found[0]
