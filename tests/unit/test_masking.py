"""Credentials in every form that a text may hold them in, and texts that hold none."""

import base64
import gc
import html
import json
from urllib.parse import quote

import pytest

from seewhy.core.errors import InvalidInput
from seewhy.core.masking import basic_pair, hide, masked, masked_answer, masked_values

SECRETS = [
    "s3cret-T0ken.of/mine",
    "a.*+?(b)|[c]^$\\d{3}",
    "quo\"te'd&<x>",
    "pässwörd-ünïcode",
    "***hidden***",
    "x" * 300,
]


@pytest.fixture(params=SECRETS)
def secret(request, monkeypatch):
    monkeypatch.setenv("SEEWHY_HTTP_PASSWORD", request.param)
    monkeypatch.setenv("SEEWHY_HTTP_USER", "someone")
    return request.param


FORMS = {
    "plain": lambda one: one,
    "upper case": str.upper,
    "JSON": lambda one: json.dumps(one)[1:-1],
    "JSON with slashes": lambda one: one.replace("/", "\\/"),
    "repr": lambda one: repr(one)[1:-1],
    "HTML": html.escape,
    "address": lambda one: quote(one, safe=""),
    "address in lower case": lambda one: quote(one, safe="").lower(),
    "header": lambda one: one.encode().decode("latin-1"),
    "base64": lambda one: base64.b64encode(one.encode()).decode(),
    "base64 of more": lambda one: base64.b64encode(f"Bearer {one}".encode()).decode()[10:],
    "base64 for addresses": lambda one: base64.urlsafe_b64encode(one.encode()).decode(),
    "hexadecimal": lambda one: one.encode().hex(),
    "Basic": lambda one: basic_pair("someone", one),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_masked(secret, form):
    text = FORMS[form](secret)
    for mask in (masked, masked_answer):
        got = mask(f"before {text} after")
        assert text not in got or text == "***hidden***"
        assert got.startswith("before ")
        assert got.endswith(" after")
        assert "***" in got


@pytest.mark.parametrize("at", range(4, 16))
def test_both_parts_of_a_secret_that_is_cut_are_masked(monkeypatch, at):
    token = "Zq8wLk3vTy7uPn2mRb5c"
    monkeypatch.setenv("SEEWHY_HTTP_TOKEN", token)
    for between in (" ", "\x00", "\n", "..."):
        got = masked_answer(f"{token[:at]}{between}{token[at:]}")
        assert all(token[i : i + 6] not in got for i in range(len(token) - 5))


def test_errors_are_masked_before_they_are_cut(monkeypatch):
    token = "Zq8wLk3vTy7uPn2mRb5c"
    monkeypatch.setenv("SEEWHY_HTTP_TOKEN", token)
    for n in range(1950, 2010):
        assert token[:8] not in str(InvalidInput("x" * n + token))
    for n in range(60, 90):
        error = InvalidInput.of("x", "be y", "x" * n + token)
        assert token[:8] not in str(error)
        assert token not in str(error.value)


@pytest.mark.parametrize("token", ["a", "tok", "ab.*"])
def test_short_secrets_are_masked_in_what_a_server_says_and_leave_other_text_alone(monkeypatch, token):
    monkeypatch.setenv("SEEWHY_HTTP_TOKEN", token)
    assert token not in masked_answer(f"you sent {token}!")
    assert masked("a token of a tabby cat") == "a token of a tabby cat"


def test_text_without_secrets_stays_as_it_is():
    for text in ("tabby cat", "http://host:80/v2/models/a", "me@example.org", "", "***"):
        assert masked(text) == masked_answer(text) == text


def test_users_in_addresses_are_masked_whether_they_are_known_or_not():
    assert masked("see http://me:pw@host/x and socks5://you@h") == "see http://***@host/x and socks5://***@h"


@pytest.mark.slow
def test_what_is_hidden_for_an_owner_is_hidden_as_long_as_it_lives():
    class Owner:
        pass

    owner = Owner()
    hide(owner, "proxy-password", "")
    assert masked("proxy-password") == "***"
    del owner
    gc.collect()
    assert masked("proxy-password") == "proxy-password"


def test_values_keep_their_form(monkeypatch):
    monkeypatch.setenv("SEEWHY_HTTP_TOKEN", "hidden-token")
    given = {"a hidden-token": ["x", 1, None, {"b": ("hidden-token", 2.5, True)}]}
    assert masked_values(given) == {"a ***": ["x", 1, None, {"b": ["***", 2.5, True]}]}
