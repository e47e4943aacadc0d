"""Text from elsewhere cannot drive a terminal, and errors carry what they speak of."""

import pickle

import pytest

from seewhy.core.errors import FileError, InvalidInput, MissingExtra, SeewhyError
from seewhy.core.text import clean, shortened, shown


@pytest.mark.parametrize(
    "text",
    ["\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "a\rb", "a\nb", "\u202egpj.exe", "a\u2028b", "\x7f", "\x00"],
)
def test_nothing_that_moves_a_cursor_is_left(text):
    cleaned = clean(text)

    assert cleaned.isprintable()
    assert cleaned.isascii()


@pytest.mark.parametrize("text", ["tabby cat", "Ægyptisk kat", "猫", "👩\u200d🚀", "मार्\u200dजार"])
def test_words_of_any_language_stay(text):
    assert clean(text) == text


def test_what_is_meant_can_be_kept():
    assert clean("a\nb\x1b", keep="\n") == "a\nb\\x1b"


def test_a_value_is_one_short_line():
    assert shown("a\n\x1b[1m" * 100).isprintable()
    assert len(shown("x" * 5000)) == 80
    assert len(shortened("x" * 5000)) == 2000


def test_a_value_whose_repr_fails_is_named_by_its_type():
    class Broken:
        def __repr__(self):
            raise RuntimeError

    assert shown(Broken()) == "<Broken, whose repr raises RuntimeError>"


@pytest.mark.parametrize("kind", [SeewhyError, InvalidInput, FileError, MissingExtra])
def test_an_error_carries_setting_rule_and_value_also_through_pickle(kind):
    error = kind.of("Lime.keep", "be at most 1", 1.5, "give a share")

    for one in (error, pickle.loads(pickle.dumps(error))):
        assert str(one) == "Lime.keep must be at most 1, got 1.5; give a share"
        assert (one.setting, one.rule, one.value) == ("Lime.keep", "be at most 1", 1.5)


def test_an_error_cannot_drive_a_terminal():
    assert str(FileError("cat\x1b]0;owned\x07.seewhy is damaged\nsee there")) == (
        "cat\\x1b]0;owned\\x07.seewhy is damaged\nsee there"
    )
