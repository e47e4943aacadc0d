"""The limit of what files and servers of others may ask for."""

import math

import pytest

from seewhy.core import memory
from seewhy.core.errors import FileError, InvalidInput
from support.refusing import refuses


@pytest.mark.parametrize(
    ("text", "number"),
    [("", 2 * 10**9), ("4GB", 4 * 10**9), ("1.5 gb", 15 * 10**8), ("800", 800), ("7MB", 7 * 10**6), ("3M", None)],
)
def test_the_variable_raises_the_limit(monkeypatch, text, number):
    monkeypatch.setenv("SEEWHY_MAX_MEMORY", text)
    if number is None:
        with pytest.raises(InvalidInput) as error:
            memory.most()
        assert (error.value.setting, error.value.value) == ("SEEWHY_MAX_MEMORY", text)
    else:
        assert memory.most() == number


@pytest.mark.parametrize("text", ["much", "-1", "nan", "inf", "0", "1e9", "9" * 400, "4 GB GB", "٣GB"])
def test_what_is_no_limit_is_refused(monkeypatch, text):
    monkeypatch.setenv("SEEWHY_MAX_MEMORY", text)
    with pytest.raises(InvalidInput):
        memory.check(1, "it", FileError)


@pytest.mark.parametrize("needed", [2 * 10**9 + 1, 5 * 10**12, 10**400, math.inf, math.nan])
def test_more_is_refused_with_what_helps(needed):
    memory.check(2 * 10**9, "it", FileError)
    with refuses(FileError, "it", rule="need at most 2000000000 bytes") as error:
        memory.check(needed, "it", FileError)
    assert len(str(error.value)) < 200
    assert error.value.setting == "it"


def test_the_advice_is_enough(monkeypatch):
    with refuses(FileError, "it", value=5100000000):
        memory.check(5_100_000_000, "it", FileError)
    monkeypatch.setenv("SEEWHY_MAX_MEMORY", "6GB")
    memory.check(5_100_000_000, "it", FileError)
