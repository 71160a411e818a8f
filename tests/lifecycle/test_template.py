"""Placeholders: what they become in real formats, what they refuse, and that they stay small."""

from __future__ import annotations

import base64
import json
import shlex
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintmaster.lifecycle.template import (
    FILTERS,
    MAX_RENDERED_BYTES,
    NAMES,
    TemplateInvalid,
    check,
    parse,
    render,
)

VALUES = dict.fromkeys(NAMES, "x") | {"token": "glrt-123", "description": 'Ada\'s "runner" \\ 7\n'}
# What the API server stores: text without lone surrogates.
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def rendered(text: str, **values: str) -> str:
    return render({"key": text}, VALUES | values)["key"].decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("{{ token }}", "glrt-123"),
        ("{{token}}", "glrt-123"),
        ("{{ token|json }}", '"glrt-123"'),
        ("{{  token  |  base64  }}", "Z2xydC0xMjM="),
        ("a{{ token }}b{{ name }}c", "aglrt-123bxc"),
        ("{{{ token }}}", "{glrt-123}"),
        ("{ not a placeholder }", "{ not a placeholder }"),
        ("{% for x in token %}", "{% for x in token %}"),
        ("größe {{ token }} 🔑", "größe glrt-123 🔑"),
    ],
)
def test_what_a_template_becomes(text: str, expected: str) -> None:
    assert rendered(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{{ 9**(9**9) }}",
        "{{ 'a'*200000000 }}",
        "{{ token.__class__ }}",
        "{{ token() }}",
        "{{ token | json | base64 }}",
        "{{ token | upper }}",
        "{{ TOKEN }}",
        "{{ password }}",
        "{{ }}",
        "{{}}",
        "{{ token",
        "token }}",
        "{{ {{ token }} }}",
        "{{ token }} }}",
        "{{ token | }}",
        "{{ " + "a" * 100 + " }}",
        "{" * 1_000_000,
        "{{ token " * 100_000,
    ],
    ids=lambda text: text[:24],
)
def test_what_is_no_placeholder_is_refused_at_once(text: str) -> None:
    with pytest.raises(TemplateInvalid, match=r"placeholder|unknown filter"):
        check({"key": text})


def test_the_message_names_the_key_and_never_a_value() -> None:
    with pytest.raises(TemplateInvalid) as caught:
        render({"good": "{{ token }}", "bad": "{{ secret }}"}, VALUES)

    assert "spec.secret.template.data['bad']" in str(caught.value)
    assert "glrt-123" not in str(caught.value)


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parts = parse(text)
    except TemplateInvalid:
        return
    literal = "".join(part for part in parts if isinstance(part, str))
    assert (literal == text) is all(isinstance(part, str) for part in parts)


@given(st.lists(st.sampled_from(["{", "}", "{{", "}}", " ", "token", "|", "json", "a"])))
def test_any_heap_of_braces_is_parsed_or_refused(pieces: list[str]) -> None:
    text = "".join(pieces)
    try:
        result = rendered(text)
    except TemplateInvalid:
        return
    assert "{{" not in result
    assert "}}" not in result


@given(TEXT)
def test_json_reads_what_the_filter_wrote(text: str) -> None:
    assert json.loads(rendered("{{ description | json }}", description=text)) == text


@given(TEXT)
def test_toml_reads_what_the_filter_wrote(text: str) -> None:
    document = rendered("[a]\nb = {{ description | toml }}\nc = 1\n", description=text)

    assert tomllib.loads(document) == {"a": {"b": text, "c": 1}}


@given(TEXT.filter(lambda text: "\0" not in text))
def test_a_shell_reads_what_the_filter_wrote(text: str) -> None:
    command = rendered("run --note {{ description | shell }} last", description=text)

    assert shlex.split(command) == ["run", "--note", text, "last"]


@given(TEXT)
def test_base64_reads_what_the_filter_wrote(text: str) -> None:
    encoded = rendered("{{ description | base64 }}", description=text)

    assert base64.b64decode(encoded, validate=True).decode() == text


@pytest.mark.parametrize("name", sorted(NAMES))
@pytest.mark.parametrize("filter_name", ["", *FILTERS])
def test_every_name_goes_with_every_filter(name: str, filter_name: str) -> None:
    expected = FILTERS[filter_name](VALUES[name]) if filter_name else VALUES[name]

    assert rendered(f"{{{{ {name} {'| ' if filter_name else ''}{filter_name} }}}}") == expected


@pytest.mark.parametrize(
    ("lengths", "fits"),
    [
        ((MAX_RENDERED_BYTES,), True),
        ((MAX_RENDERED_BYTES + 1,), False),
        ((MAX_RENDERED_BYTES // 2, MAX_RENDERED_BYTES // 2), True),
        ((MAX_RENDERED_BYTES // 2, MAX_RENDERED_BYTES // 2 + 1), False),
    ],
)
def test_all_keys_together_have_64_kib(lengths: tuple[int, ...], fits: bool) -> None:
    data = {f"key-{number}": "a" * length for number, length in enumerate(lengths)}
    if fits:
        assert sum(map(len, render(data, VALUES).values())) == sum(lengths)
        return
    with pytest.raises(TemplateInvalid, match="64 KiB"):
        check(data)


def test_size_is_counted_in_bytes_after_filling_in() -> None:
    with pytest.raises(TemplateInvalid, match="64 KiB"):
        render({"key": "{{ token }}"}, VALUES | {"token": "ä" * (MAX_RENDERED_BYTES // 2 + 1)})
