"""Truth files changed at random, or made to do harm, are read or refused in one line that names them; nothing hangs."""

from __future__ import annotations

import copy
import json
import random

import numpy as np
import pytest
from PIL import Image as Pillow

from seewhy.core.errors import FileError, SeewhyError
from seewhy.truth import matched, read_truth

HEIGHT, WIDTH = 6, 8
LABELS = ("tabby", "zebra", "boat")

COCO = {
    "images": [
        {"id": 7, "file_name": "cat.jpg", "width": WIDTH, "height": HEIGHT},
        {"id": 8, "file_name": "dog.jpg", "width": WIDTH, "height": HEIGHT},
    ],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 3], "segmentation": [], "iscrowd": 0},
        {"id": 2, "image_id": 7, "category_id": 3, "segmentation": [[1, 2, 4, 2, 4, 5, 1, 5]]},
        {"id": 3, "image_id": 8, "category_id": 3, "segmentation": {"size": [HEIGHT, WIDTH], "counts": [8, 3, 37]}},
        {"id": 4, "image_id": 8, "category_id": 3, "segmentation": {"size": [HEIGHT, WIDTH], "counts": "83U1"}},
    ],
    "categories": [{"id": 3, "name": "tabby"}],
}
LISTED = [
    {"file": "cat.jpg", "boxes": [[1, 2, 4, 5]], "size": [WIDTH, HEIGHT], "index": 1, "accept": [2], "group": "a"},
    {"file": "a/dog.jpg", "mask": "dog.png", "index": 0},
]
TABLE = "file,x0,y0,x1,y1,label,group\ncat.jpg,1,2,4,5,tabby,a\na/dog.jpg,0,0,4,5,zebra,b\n"
VOC = """<?xml version="1.0" encoding="utf-8"?>
<annotation><filename>cat.jpg</filename><size><width>8</width><height>6</height></size>
<object><name>tabby</name><bndbox><xmin>2</xmin><ymin>3</ymin><xmax>4</xmax><ymax>5</ymax></bndbox></object>
</annotation>"""

ODD = [
    *(None, True, False, 0, -1, 1, 3.5, 1e300, -1e300, 2**31, 2**63, 2**70, 10**400, float("nan"), float("inf")),
    *("", " ", "x", "\0", "a\nb", "\x1b[2J", "\ud800", "\udce9", "x" * 10_000, "../../etc/passwd", "/etc/passwd"),
    *("C:\\x.jpg", "a/../b", ".", "..", "/", "~", "nan", "1e10", "\u0663", "=1+1"),
    *([], [[]], [[[]]], [1], [1, 2], [1, 2, 3, 4], [-1, -2, -3, -4], [float("nan")] * 4, ["a"] * 4, [10**400] * 4),
    *([[1, 2, 3, 4]], [[1, 2, 3]], [[1] * 5], [[10**400] * 6], [10**10], list(range(1000))),
    *({}, {"size": [6, 8]}, {"size": [6, 8], "counts": [10**10]}, {"size": [10**5, 10**5], "counts": [10**10]}),
    *({"size": [6, 8], "counts": "\u00ff" * 9}, {"size": [6, 8], "counts": "o" * 1000}, {"size": [6, 8], "counts": []}),
    *({"size": [6, 8], "counts": [-5, 53]}, {"size": [2**40, 2**40], "counts": "PPYo5"}),
]


def used(path):
    """Read a truth and all that it says of photos, as an evaluation does."""
    entries, _ = read_truth(path)
    matched(entries, ["cat.jpg", "a/dog.jpg"])
    faults = []
    for one in entries:
        if one.marks is not None:
            one.marks.digest()
        try:
            one.marked(HEIGHT, WIDTH, 0, LABELS)
        except SeewhyError as error:
            faults.append(error)
    return faults


def check(path):
    """Every fault is one line, not long, that names the file."""
    try:
        faults = used(path)
    except SeewhyError as error:
        faults = [error]
    for one in faults:
        text = str(one)
        assert "\n" not in text
        assert "\x1b" not in text
        assert len(text) <= 2000
        assert path.name in text or "the ground truth" in text or text.startswith("mask "), text


def places(value, place=()):
    """Yield the place of every value of JSON."""
    yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, held in items:
        yield from places(held, (*place, name))


def changed(value, place, odd, how):
    """Return the value with another one at a place, or without the one there, or with it twice."""
    if not place:
        return odd
    whole = copy.deepcopy(value)
    held = whole
    for name in place[:-1]:
        held = held[name]
    if how == "gone":
        del held[place[-1]]
    elif how == "twice" and isinstance(held, list):
        held.append(copy.deepcopy(held[place[-1]]))
    else:
        held[place[-1]] = odd
    return whole


# --- at random ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [COCO, LISTED], ids=["coco", "list"])
def test_every_place_of_json_with_every_odd_value(whole, tmp_path):
    chance = random.Random(0)
    path = tmp_path / "truth.json"
    for place in places(whole):
        for odd in [*chance.sample(ODD, 12), "gone", "twice"]:
            how = odd if odd in ("gone", "twice") else ""
            path.write_text(json.dumps(changed(whole, place, odd, how)))
            check(path)


def test_several_odd_values_of_json_at_once(tmp_path):
    chance = random.Random(1)
    path = tmp_path / "truth.json"
    for _ in range(300):
        value = chance.choice([COCO, LISTED])
        for _ in range(chance.randint(2, 4)):
            value = changed(value, chance.choice(list(places(value))), chance.choice(ODD), chance.choice(["", "twice"]))
        path.write_text(json.dumps(value))
        check(path)


def bytes_changed(data, chance):
    """Return bytes some of which are changed, gone or there twice."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(found) + 1)
        match chance.randrange(4):
            case 0:
                found[at:at] = bytes([chance.randrange(256)])
            case 1:
                del found[at : at + chance.randint(1, 20)]
            case 2:
                found[at : at + 1] = bytes([chance.randrange(256)])
            case _:
                found[at:at] = found[: chance.randint(0, 200)]
    return bytes(found)


TEXTS = {"truth.json": json.dumps(COCO), "list.json": json.dumps(LISTED), "truth.csv": TABLE, "cat.xml": VOC}


@pytest.mark.parametrize("name", TEXTS)
def test_bytes_changed_at_random(name, tmp_path):
    chance = random.Random(2)
    path = tmp_path / name
    for _ in range(400):
        path.write_bytes(bytes_changed(TEXTS[name].encode(), chance))
        check(tmp_path if name.endswith(".xml") else path)


WORDS = [
    "",
    " ",
    "nan",
    "inf",
    "-3",
    "1e999",
    "9" * 5000,
    "0x10",
    "1_0",
    "x" * 9000,
    "\u0663",
    "-",
    '"',
    "../a",
    "a,b",
    "\0",
]


@pytest.mark.parametrize("name", ["truth.csv", "cat.xml"])
def test_every_value_of_a_table_and_of_xml_with_odd_words(name, tmp_path):
    text = TEXTS[name]
    marks = (",", "\n") if name.endswith(".csv") else (">", "<")
    at = [i + 1 for i, one in enumerate(text) if one == marks[0]]
    for start in at:
        end = min(i for i in (*(text.find(mark, start) for mark in marks), len(text)) if i >= 0)
        for word in WORDS:
            (tmp_path / name).write_text(text[:start] + word + text[end:])
            check(tmp_path if name.endswith(".xml") else tmp_path / name)


def test_masks_changed_at_random(tmp_path):
    chance = random.Random(3)
    Pillow.fromarray(np.eye(HEIGHT, WIDTH, dtype=np.uint8) * 255).save(tmp_path / "cat.png")
    data = (tmp_path / "cat.png").read_bytes()
    for _ in range(300):
        (tmp_path / "cat.png").write_bytes(bytes_changed(data, chance))
        check(tmp_path)


# --- on purpose ---------------------------------------------------------------------------------------------


def bomb(levels=9):
    """Return XML of some hundred bytes that would expand to gigabytes."""
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10 if i else "ha"}">' for i in range(levels))
    return f"<!DOCTYPE x [{entities}]><annotation><filename>&e{levels - 1};</filename></annotation>"


OUTSIDE = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><annotation><filename>&e;</filename></annotation>'
HARM = {
    "entities that multiply": ("cat.xml", bomb()),
    "the same in UTF-16": ("cat.xml", bomb().encode("utf-16")),
    "an entity of another file": ("cat.xml", OUTSIDE),
    "a document type of another place": ("cat.xml", '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><annotation/>'),
    "deep XML": ("cat.xml", "<a>" * 200_000),
    "deep XML that is closed": ("cat.xml", "<annotation>" + "<a>" * 100_000 + "</a>" * 100_000 + "</annotation>"),
    "an encoding that is none": ("cat.xml", '<?xml version="1.0" encoding="rot13"?><annotation/>'),
    "deep JSON": ("truth.json", '{"a":' * 100_000),
    "a number of 100,000 digits": ("truth.json", f'[{{"file": "cat.jpg", "index": {"9" * 100_000}}}]'),
    "an index of 5,000 digits": ("truth.csv", f"file,x0,y0,x1,y1,index\ncat.jpg,0,0,1,1,{'9' * 5000}\n"),
    "a cell of a million characters": ("truth.csv", f"file,x0,y0,x1,y1\n{'x' * 10**6},0,0,1,1\n"),
    "a zero byte": ("truth.csv", "file,x0,y0,x1,y1\ncat\0.jpg,0,0,1,1\n"),
    "a table in UTF-16": ("truth.csv", TABLE.encode("utf-16")),
    "JSON in UTF-16": ("truth.json", json.dumps(LISTED).encode("utf-16")),
    "an empty table": ("truth.csv", ""),
    "empty JSON": ("truth.json", ""),
    "empty XML": ("cat.xml", ""),
    "two images of one id": (
        "truth.json",
        json.dumps(COCO | {"images": [COCO["images"][0] | {"file_name": "x.jpg"}] * 2}),
    ),
    "two names of a category": (
        "truth.json",
        json.dumps(COCO | {"categories": [{"id": 3, "name": "tabby"}, {"id": 3, "name": "zebra"}]}),
    ),
    "no such category": ("truth.json", json.dumps(COCO | {"categories": []})),
    "a drive of Windows": ("truth.json", '[{"file": "cat.jpg", "mask": "C:\\\\Windows\\\\x.png"}]'),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", HARM)
def test_harm_is_refused_at_once(case, tmp_path):
    name, text = HARM[case]
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    source = tmp_path if name.endswith(".xml") else tmp_path / name

    with pytest.raises(FileError) as told:
        read_truth(source)

    assert name in str(told.value)
    assert len(str(told.value)) <= 700
    check(source)


WRONG_SHAPES = {
    "a box without a width": {"bbox": [1, 2, -3, 3]},
    "a box that is not a number": {"bbox": [float("nan")] * 4},
    "a polygon of two points": {"segmentation": [[1, 2, 3, 4]]},
    "runs of another length": {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [10, 10]}},
    "runs of absurd length": {"segmentation": {"size": [10**5, 10**5], "counts": [10**10]}},
    "runs of absurd length in a photo's size": {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [10**10]}},
    "a photo of another size": {"segmentation": {"size": [9, 9], "counts": [81]}},
}


@pytest.mark.parametrize("shape", WRONG_SHAPES.values(), ids=WRONG_SHAPES)
def test_a_shape_that_does_not_fit_is_named_with_its_file_and_place(shape, tmp_path):
    one = {"id": 1, "image_id": 8, "category_id": 3} | shape
    (tmp_path / "truth.json").write_text(json.dumps(COCO | {"annotations": [one]}))

    (fault,) = used(tmp_path / "truth.json")

    assert str(fault).startswith(f"truth {tmp_path / 'truth.json'}: images[1]: ")


def test_marks_at_the_start_and_ends_of_lines_of_windows_are_read(tmp_path):
    windows = {"a.csv": TABLE.replace("\n", "\r\n"), "a.json": json.dumps(LISTED, indent=1).replace("\n", "\r\n")}
    for name, text in windows.items():
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
        assert [one.file for one in read_truth(tmp_path / name)[0]] == ["cat.jpg", "a/dog.jpg"]


@pytest.mark.parametrize("ending", [".png", ".xml"])
def test_links_in_a_circle_and_folders_named_as_files_are_no_masks(ending, tmp_path):
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / f"loop{ending}").symlink_to(f"loop{ending}")
    (tmp_path / "truth" / "again").symlink_to(".")
    (tmp_path / "truth" / f"folder{ending}").mkdir()

    with pytest.raises(FileError, match="truth"):
        read_truth(tmp_path / "truth")


def test_a_mask_that_is_a_link_in_a_circle_costs_that_photo(tmp_path):
    (tmp_path / "dog.png").symlink_to("dog.png")
    (tmp_path / "truth.json").write_text(json.dumps(LISTED))

    (fault,) = used(tmp_path / "truth.json")

    assert "dog.png" in str(fault)
