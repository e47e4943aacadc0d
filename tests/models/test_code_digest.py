"""A function's own code decides its digest; where it stands, and what it only calls, do not."""

import enum
import functools

import pytest

from seewhy.models import FunctionModel
from seewhy.models.code_digest import code_digest, described


def made(source, name="answer", **names):
    held = dict(names)
    exec(compile(source, "somewhere.py", "exec"), held)
    return held[name]


BASE = "def answer(batch):\n    return batch.mean(axis=(1, 2)) * 2\n"
CLOSURE = "def outer(k):\n    def answer(batch):\n        return batch * k\n    return answer\n"
CALLABLE = "class Answer:\n    def __call__(self, batch):\n        return batch{}\n"


def test_it_is_the_same_wherever_the_function_stands():
    assert code_digest(made(BASE)) == code_digest(made("\n\n# moved\n" + BASE))
    assert len(code_digest(made(BASE))) == 16


@pytest.mark.parametrize(
    "other",
    [
        BASE.replace("* 2", "* 3"),
        BASE.replace("mean", "max"),
        BASE.replace("* 2", "+ 2"),
        BASE.replace("(batch)", "(batch, k=1)"),
        BASE.replace("* 2", "* (lambda v: v)(2)"),
    ],
)
def test_another_body_is_another_digest(other):
    assert code_digest(made(BASE)) != code_digest(made(other))


def test_what_a_function_holds_counts_where_it_is_plain():
    one, two = (made(CLOSURE, "outer")(k) for k in (1, 2))
    assert code_digest(one) != code_digest(two)
    assert code_digest(functools.partial(one, 3)) != code_digest(functools.partial(one, 4))
    inner = made("def outer(f):\n    return lambda batch: f(batch)\n", "outer")
    assert code_digest(inner(one)) != code_digest(inner(made(BASE)))


def test_methods_and_callable_objects_are_known_by_their_class():
    one, two = (made(CALLABLE.format(end), "Answer") for end in (" * 1", " * 2"))
    assert code_digest(one()) == code_digest(one().__call__) != code_digest(two())
    assert code_digest(len) == ""


def test_a_model_has_it():
    assert FunctionModel(made(BASE)).code == code_digest(made(BASE))


class Way(enum.IntEnum):
    UP = 1


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ("max", "max"),
        (Way.UP, ("Way", "UP")),
        (len, ("builtins", "len")),
        ({"b": 1, "a": [None, "c/d", 2.5]}, [("a", [2.5]), ("b", 1)]),
        ({"y", "x"}, ["x", "y"]),
        ("/home/x", None),
        ("<f at 0x7f0011223344>", None),
        (object(), None),
        ([object(), []], None),
    ],
)
def test_what_is_held_is_described_without_its_place(held, expected):
    assert described(held) == expected


def test_functions_are_described_by_code_and_by_what_they_hold():
    inner = made("def outer(f):\n    return lambda batch: f(batch)\n", "outer")
    assert described(inner(len)) == described(inner(len)) != described(inner(max))
    method = made(CALLABLE.format(" * 1"), "Answer")
    assert described(method()) != described(made(CALLABLE.format(" * 2"), "Answer")())
    assert described(functools.cache(made(BASE))) == described(made(BASE))
    looped = made("def outer():\n    def answer(x):\n        return answer(x)\n    return answer\n", "outer")
    assert described(looped())
