"""CSV that a spreadsheet does not take for formulas, nor a terminal for orders."""

from __future__ import annotations

import csv
import io

import pytest

from seewhy.core.tables import csv_bytes


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-x.png", "@SUM(A1)", " =1", "\uff1d1", "\u00a0=1"])
def test_what_a_spreadsheet_would_calculate_gets_an_apostrophe(text: str) -> None:
    assert read(csv_bytes([{text: text}], [text])) == [[f"'{text}"], [f"'{text}"]]


@pytest.mark.parametrize("value", [-1.5, 0, -3, 1e-9, None, True, "a=b", "7", "cat-1.png", "x,y", 'say "so"'])
def test_numbers_and_plain_text_are_as_they_are(value: object) -> None:
    assert read(csv_bytes([{"a": value}], ["a"]))[1] == ([str(value)] if value is not None else [""])


def test_control_characters_are_escapes_and_rows_stay_rows() -> None:
    data = csv_bytes([{"a": "x\x1b[2J\r\ny", "b": "\t=1"}, {"a": "\udcff", "b": "\n=1"}], ["a", "b"])

    assert read(data) == [["a", "b"], ["x\\x1b[2J\\r\\ny", "\\t=1"], ["\\udcff", "\\n=1"]]
