"""Scopes: the grammar of RFC 6749, and no way to smuggle in a second one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintmaster.tokens import scopes

TOKENS = st.from_regex(r"[!#-\[\]-~]+", fullmatch=True)


@given(st.lists(TOKENS))
def test_what_is_joined_can_be_split_again(tokens: list[str]) -> None:
    assert scopes.split(scopes.join(tokens)) == tuple(tokens)


@pytest.mark.parametrize(
    "scope", ["", "read_api api", " a", "a\n", 'a"b', "a\\b", "é", "a\tb", "\x7f", "a\0"]
)
def test_text_that_is_no_scope_token_is_not_joined(scope: str) -> None:
    assert not scopes.is_scope_token(scope)
    with pytest.raises(ValueError, match="printable ASCII"):
        scopes.join(["read_api", scope])


@pytest.mark.parametrize("scope", [" ", "a ", " a", "a  b", "a\nb", "a b\n", "a\tb", 'a "b"', "é"])
def test_text_of_another_form_is_not_split(scope: str) -> None:
    with pytest.raises(ValueError, match="single spaces"):
        scopes.split(scope)


def test_no_text_has_no_scopes() -> None:
    assert scopes.split("") == ()
    assert scopes.join([]) == ""
