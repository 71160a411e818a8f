"""The description of the endpoints, for programs (OpenAPI 3.1) and for people."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

import msgspec

from mintmaster.gate.messages import Answer, encode

_CACHE = ((b"cache-control", b"public, max-age=300"),)

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}}
code{{background:#eee}}td{{padding:0 1rem 0 0;vertical-align:top}}</style>
<h1>{title}</h1><p>{description}</p><p>For programs: <a href="openapi.json">openapi.json</a></p>
{operations}</html>
"""


@cache
def description() -> dict[str, Any]:
    """The OpenAPI description."""
    text = files("mintmaster.gate").joinpath("openapi.yaml").read_text("utf-8")
    found: dict[str, Any] = msgspec.yaml.decode(text)
    return found


@cache
def openapi() -> Answer:
    """The description for programs."""
    return Answer(200, encode(description()), headers=_CACHE)


@cache
def docs() -> Answer:
    """The description for people: a page without scripts, and without anything from elsewhere."""
    info = description()["info"]
    operations = "".join(
        _operation(method, path, operation)
        for path, methods in description()["paths"].items()
        for method, operation in methods.items()
    )
    page = _PAGE.format(
        title=escape(info["title"]), description=escape(info["description"]), operations=operations
    )
    policy = (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'")
    return Answer(200, page.encode(), b"text/html; charset=utf-8", (*_CACHE, policy))


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    answers = "".join(
        f"<tr><td>{escape(status)}</td><td>{escape(_said(answer))}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    return (
        f"<h2><code>{escape(method.upper())} {escape(path)}</code></h2><p>{escape(operation['summary'])}</p>"
        f"<p>{escape(operation.get('description', ''))}</p><table>{answers}</table>"
    )


def _said(answer: dict[str, Any]) -> str:
    """The description of an answer, be it one that several operations share."""
    if "$ref" in answer:
        answer = description()["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    text: str = answer["description"]
    return text
