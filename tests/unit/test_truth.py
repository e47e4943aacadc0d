"""Truth: every form says the same pixels, and nothing wrong in a file goes unsaid."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from seewhy.core.errors import FileError, InvalidInput, SeewhyError
from seewhy.truth import Known, Runs, Shapes, matched, read_truth
from seewhy.truth.photo_list import sequence
from seewhy.truth.shapes import unpacked
from support.refusing import refuses

SHARED = Path(__file__).parents[3] / "shared" / "data" / "photos"
HEIGHT, WIDTH = 6, 8
OBJECT = np.zeros((HEIGHT, WIDTH), dtype=bool)
OBJECT[2:5, 1:4] = True


def save_mask(path, mask=OBJECT, value=255):
    Pillow.fromarray(mask.astype(np.uint8) * np.uint8(value)).save(path)
    return path


def coco(segmentation, **more):
    one = {"id": 1, "image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 3], "segmentation": segmentation, "iscrowd": 0}
    image = {"id": 7, "file_name": "cat.jpg", "width": WIDTH, "height": HEIGHT}
    return {"images": [image | more], "annotations": [one], "categories": [{"id": 3, "name": "tabby"}]}


VOC = """<annotation><filename>cat.jpg</filename><size><width>8</width><height>6</height></size>
<object><name>tabby</name><bndbox><xmin>2</xmin><ymin>3</ymin><xmax>4</xmax><ymax>5</ymax></bndbox></object>
</annotation>"""

# Down the columns: 6 + 2 of background, then 3 of object and 3 of background in turns.
COUNTS = [8, 3, 3, 3, 3, 3, 25]


def packed(counts):
    """Write runs as COCO's text: five bits a character, low ones first, a sixth says that more follow."""
    text = ""
    for i, count in enumerate(counts):
        value = count - counts[i - 2] if i > 2 else count
        more = True
        while more:
            bits = value & 31
            value >>= 5
            more = value != (-1 if bits & 16 else 0)
            text += chr((bits | (32 if more else 0)) + 48)
    return text


FORMS = {
    "polygon": ("truth.json", json.dumps(coco([[1, 2, 4, 2, 4, 5, 1, 5]])), "mask"),
    "runs": ("truth.json", json.dumps(coco({"size": [HEIGHT, WIDTH], "counts": COUNTS})), "mask"),
    "packed runs": ("truth.json", json.dumps(coco({"size": [HEIGHT, WIDTH], "counts": packed(COUNTS)})), "mask"),
    "coco box": ("truth.json", json.dumps(coco([])), "boxes"),
    "csv": ("truth.csv", "file,x0,y0,x1,y1,label\ncat.jpg,1,2,4,5,tabby\n", "boxes"),
    "list": ("truth.json", json.dumps([{"file": "cat.jpg", "boxes": [[1, 2, 4, 5]], "index": 281}]), "boxes"),
}


def only(source):
    (found,), masks = read_truth(source)
    return found, masks


@pytest.mark.parametrize("form", FORMS)
def test_every_form_marks_the_same_pixels(form, tmp_path):
    name, text, kind = FORMS[form]
    (tmp_path / name).write_text(text)

    found, _ = only(tmp_path / name)

    marked = found.marked(HEIGHT, WIDTH)
    np.testing.assert_array_equal(marked.mask, OBJECT)
    assert marked.kind == kind
    assert found.file == "cat.jpg"
    assert found.classes == ((281,) if form == "list" else ("tabby",))


def test_pascal_voc_counts_from_one_and_includes_both_ends(tmp_path):
    (tmp_path / "cat.xml").write_text(VOC)

    found, _ = only(tmp_path)

    np.testing.assert_array_equal(found.marked(HEIGHT, WIDTH).mask, OBJECT)
    assert (found.file, found.classes) == ("cat.jpg", ("tabby",))


@pytest.mark.parametrize("value", [1, 7, 255])
def test_a_mask_is_the_object_wherever_it_is_not_0(value, tmp_path):
    save_mask(tmp_path / "cat.png", value=value)

    found, masks = only(tmp_path)

    np.testing.assert_array_equal(found.marked(HEIGHT, WIDTH).mask, OBJECT)
    assert masks == ((tmp_path / "cat.png").resolve(),)
    assert matched([found], ["photos/cat.jpeg"])[0] == {"photos/cat.jpeg": found}


def test_a_mask_with_a_palette_is_read_by_its_colors(tmp_path):
    picture = Pillow.fromarray(OBJECT.astype(np.uint8) * 3, mode=None).convert("P")
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0])
    picture.save(tmp_path / "cat.png")

    np.testing.assert_array_equal(only(tmp_path)[0].marked(HEIGHT, WIDTH).mask, OBJECT)


def test_a_mask_that_was_read_already_needs_no_file(tmp_path):
    path = save_mask(tmp_path / "cat.png")
    marks = only(tmp_path)[0].marks
    carried = marks.carried()
    path.unlink()

    np.testing.assert_array_equal(carried.marked(HEIGHT, WIDTH).mask, OBJECT)
    assert carried.digest().startswith("mask:")
    with refuses(InvalidInput, "cat.png", rule="be a file"):
        marks.marked(HEIGHT, WIDTH)


def test_the_digest_follows_the_pixels(tmp_path):
    save_mask(tmp_path / "a.png")
    save_mask(tmp_path / "b.png", ~OBJECT)
    one, other = (known.marks.digest() for known in read_truth(tmp_path)[0])
    assert one != other
    assert Shapes(boxes=((0, 0, 1, 1),)).digest() != Shapes(boxes=((0, 0, 1, 2),)).digest()


def test_everything_marked_in_a_photo_counts_together(tmp_path):
    held = coco([[1, 2, 4, 2, 4, 5, 1, 5], [6, 0, 8, 0, 8, 2, 6, 2]])
    held["annotations"].append({"image_id": 7, "category_id": 3, "bbox": [0, 0, 1, 1], "segmentation": None})
    (tmp_path / "truth.json").write_text(json.dumps(held))

    marked = only(tmp_path / "truth.json")[0].marked(HEIGHT, WIDTH)

    expected = OBJECT.copy()
    expected[0:2, 6:8] = expected[0, 0] = True
    np.testing.assert_array_equal(marked.mask, expected)
    assert marked.kind == "boxes"  # one of them is


def test_a_pixel_is_in_a_box_if_its_middle_is():
    mask = Shapes(boxes=((0.4, -0.9, 2.6, 1.5),)).drawn(4, 4)
    np.testing.assert_array_equal(np.argwhere(mask), [[0, 0], [0, 1], [0, 2]])


@pytest.mark.parametrize("counts", [[0, 48], [48], [1, 46, 1], [5, 1, 1, 1, 40], [8, 3, 3, 3, 3, 3, 25]])
def test_runs_are_unpacked_as_they_were_packed(counts):
    assert unpacked(packed(counts)) == counts


def test_runs_are_those_of_the_reference():
    mask = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
    rng = np.random.default_rng(0)
    for _ in range(20):
        truth = rng.random((17, 23)) < rng.uniform(0.05, 0.95)
        found = mask.encode(np.asfortranarray(truth.astype(np.uint8)))
        np.testing.assert_array_equal(Runs(found["counts"].decode(), 17, 23).drawn(), truth)


def test_frames_of_a_sequence_are_one_group_in_a_list_of_photos(tmp_path):
    files = ["a/bear_00027.jpg", "a/bear_00054.jpg", "b/bear_00000.jpg", "owl.jpg", "cat_720p.jpg"]
    (tmp_path / "truth.json").write_text(json.dumps([{"file": file} for file in files]))

    groups = [known.group for known in read_truth(tmp_path / "truth.json")[0]]

    assert groups == ["a/bear", "a/bear", "b/bear", "owl", "cat_720p"]
    assert sequence("_1.jpg") == "_1"


def test_a_list_of_photos_says_classes_and_groups(tmp_path):
    entry = {"file": "x.jpg", "mask": None, "boxes": None, "index": 97, "accept": [97, 99], "group": "ducks"}
    (tmp_path / "truth.json").write_text(json.dumps([entry, {"file": "y.jpg", "accept": [3, 4]}]))

    one, other = read_truth(tmp_path / "truth.json")[0]

    assert (one.classes, one.sure, one.group, one.marks) == ((97, 99), True, "ducks", None)
    assert (other.classes, other.sure, other.marked(2, 2)) == ((3, 4), False, None)


def test_a_csv_may_hold_several_boxes_a_photo_and_its_group(tmp_path):
    rows = "file, x0, y0, x1, y1, index, group\nx.jpg,0,0,1,1,5,s\nx.jpg,2,2,3,3,5,\ny.jpg,0,0,1,1,,\n"
    (tmp_path / "truth.csv").write_text("\ufeff" + rows)

    one, other = read_truth(tmp_path / "truth.csv")[0]

    assert (one.classes, one.sure, one.group, len(one.marks.all.boxes)) == ((5,), True, "s", 2)
    assert (other.classes, other.group) == ((), None)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the benchmark photos are not here")
def test_masks_of_the_benchmark_photos_reach_as_far_as_their_boxes():
    entries = json.loads((SHARED / "annotations.json").read_text())
    known, masks = read_truth(SHARED / "annotations.json")
    assert len(known) == len(entries)
    assert len(masks) == sum(entry["mask"] is not None for entry in entries)
    for entry, found in list(zip(entries, known, strict=True))[9::8]:
        width, height = entry["size"]
        rows, columns = np.nonzero(found.marked(height, width).mask)
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert box in entry["boxes"], entry["file"]


# --- which photo --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "photos", "expected"),
    [
        ("val/cat.jpg", ["cat.jpg", "dog.jpg"], "cat.jpg"),
        ("cat.jpg", ["val/cat.jpg"], "val/cat.jpg"),
        ("val/cat.jpg", ["train/cat.jpg", "val/cat.jpg"], "val/cat.jpg"),
        ("cat.jpg", ["cat.jpg", "val/cat.jpg"], "cat.jpg"),
        ("cat.jpg", ["cat.png"], None),
        ("dog/cat.jpg", ["val/cat.jpg"], None),
        ("set/val/cat.jpg", ["val/cat.jpg"], "val/cat.jpg"),
        ("set/val/cat.jpg", ["cat.jpg", "val/cat.jpg"], "val/cat.jpg"),
        ("set/cat.jpg", ["set/val/cat.jpg"], None),
    ],
)
def test_an_entry_is_about_the_photo_whose_path_agrees(file, photos, expected):
    found, others = matched([Known(file)], photos)
    assert list(found) == ([expected] if expected else [])
    assert others == ([] if expected else [file])


def test_a_mask_of_another_folder_is_of_no_photo():
    masks = [Known(name, exact=False) for name in ("cat/001.png", "dog/002.png")]
    found, others = matched(masks, ["cat/001.jpg", "cat/002.jpg", "dog/001.jpg"])
    assert found == {"cat/001.jpg": masks[0]}
    assert others == ["dog/002.png"]


def test_what_fits_two_photos_is_refused():
    with refuses(InvalidInput, "truth", rule="fit one photo"):
        matched([Known("cat.jpg")], ["a/cat.jpg", "b/c/cat.jpg"])
    with refuses(InvalidInput, "truth", rule="fit one photo"):
        matched([Known("cat.jpg")], ["a/cat.jpg", "b/cat.jpg"])
    with refuses(InvalidInput, "truth", rule="one entry per photo"):
        matched([Known("a/cat.jpg"), Known("b/cat.jpg")], ["cat.jpg"])


# --- what is wrong ------------------------------------------------------------------------------------------

ENTITIES = '<!DOCTYPE a [<!ENTITY b "x">]><annotation><filename>&b;.jpg</filename></annotation>'
WRONG = {
    "no folder or file": ("missing", None, {"setting": "missing", "rule": "be a file"}),
    "another kind of file": ("truth.txt", "x", {"setting": "truth.txt", "value": ".txt"}),
    "no JSON": ("truth.json", "{", {"setting": "truth.json", "rule": "be readable JSON"}),
    "deep JSON": ("truth.json", "[" * 100_000, {"setting": "truth.json", "rule": "be readable JSON"}),
    "JSON of something else": (
        "truth.json",
        "{}",
        {"setting": "truth.json", "rule": "be COCO JSON or a list of photos"},
    ),
    "no photos": ("truth.json", "[]", {"setting": "truth.json", "rule": "annotate at least one photo"}),
    "no object": ("truth.json", "[3]", {"setting": "truth.json[0]", "value": 3}),
    "no file name": ("truth.json", "[{}]", {"setting": "truth.json[0].file", "rule": "be a path inside the folder"}),
    "a path out of the folder": (
        "truth.json",
        '[{"file": "../x.jpg"}]',
        {"setting": "truth.json[0].file", "value": "../x.jpg"},
    ),
    "a mask out of the folder": (
        "truth.json",
        '[{"file": "x.jpg", "mask": "/etc/passwd"}]',
        {"setting": "truth.json[0].mask", "value": "/etc/passwd"},
    ),
    "a class that is no number": (
        "truth.json",
        '[{"file": "x.jpg", "index": "cat"}]',
        {"setting": "truth.json[0].index", "value": "cat"},
    ),
    "an accepted half class": (
        "truth.json",
        '[{"file": "x.jpg", "accept": [3.5]}]',
        {"setting": "truth.json[0].accept", "value": 3.5},
    ),
    "a size that is no number": (
        "truth.json",
        '[{"file": "x.jpg", "boxes": [[0, 0, 1, 1]], "size": [NaN, 3]}]',
        {"setting": "truth.json[0].size", "rule": "be a whole number of at least 1"},
    ),
    "an endless size": (
        "truth.json",
        '[{"file": "x.jpg", "boxes": [[0, 0, 1, 1]], "size": [Infinity, 3]}]',
        {"setting": "truth.json[0].size", "rule": "be a whole number of at least 1"},
    ),
    "half a pixel": (
        "truth.json",
        '[{"file": "x.jpg", "boxes": [[0, 0, 1, 1]], "size": [640.7, 3]}]',
        {"setting": "truth.json[0].size", "value": 640.7},
    ),
    "endless runs": (
        "truth.json",
        json.dumps(coco({"size": [6, math.inf], "counts": [48]})),
        {"setting": "truth.json: annotations[0].segmentation.size", "rule": "be a whole number of at least 1"},
    ),
    "three corners": (
        "truth.json",
        '[{"file": "x.jpg", "boxes": [[1, 2, 3]]}]',
        {"setting": "truth.json[0].boxes", "value": [1, 2, 3]},
    ),
    "columns": (
        "truth.csv",
        "photo,x,y\n",
        {"setting": "truth.csv", "rule": "have the columns file, x0, y0, x1, y1, and"},
    ),
    "a short row": ("truth.csv", "file,x0,y0,x1,y1\nx.jpg,1,2\n", {"setting": "truth.csv, line 2", "value": 5}),
    "a corner that is no number": (
        "truth.csv",
        "file,x0,y0,x1,y1\nx.jpg,1,2,3,left\n",
        {"setting": "truth.csv, line 2: y1", "value": "left"},
    ),
    "two groups": (
        "truth.csv",
        "file,x0,y0,x1,y1,group\nx.jpg,0,0,1,1,a\nx.jpg,0,0,1,1,b\n",
        {"setting": "truth.csv", "value": "x.jpg"},
    ),
    "a fault after blank lines": (
        "truth.csv",
        "file,x0,y0,x1,y1\n\nx.jpg,0,0,1,1\n\ny.jpg,q,0,1,1\n",
        {"setting": "truth.csv, line 5: x0", "value": "q"},
    ),
    "no UTF-8": ("truth.csv", b"file,x0\xff", {"setting": "truth.csv", "rule": "be readable as UTF-8 CSV"}),
    "an annotation of no image": (
        "truth.json",
        json.dumps(coco([]) | {"images": []}),
        {"setting": "truth.json", "value": 7},
    ),
    "counts of a wrong kind": (
        "truth.json",
        json.dumps(coco({"size": [6, 8], "counts": 3})),
        {"setting": "truth.json: annotations[0].segmentation.counts", "value": 3},
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_refused_with_its_place(case, tmp_path):
    name, text, match = WRONG[case]
    if text is not None:
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with refuses(FileError, **match):
        read_truth(tmp_path / name)


@pytest.mark.parametrize("width", ["nan", "inf", "640.5", "0", "-3"])
def test_a_wrong_size_in_xml_is_refused(width, tmp_path):
    (tmp_path / "cat.xml").write_text(VOC.replace("<width>8", f"<width>{width}"))
    with refuses(FileError, "cat.xml: size", rule="be a whole number of at least 1"):
        read_truth(tmp_path)


@pytest.mark.parametrize("text", [ENTITIES, ENTITIES.encode("utf-16"), "<a/>", "<annotation", VOC.replace("3<", "x<")])
def test_wrong_xml_is_refused(text, tmp_path):
    (tmp_path / "cat.xml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FileError, match=r"cat\.xml"):
        read_truth(tmp_path)


def test_a_folder_of_both_or_of_neither_is_refused(tmp_path):
    with refuses(FileError, f"truth {tmp_path}", value="neither"):
        read_truth(tmp_path)
    save_mask(tmp_path / "a.png")
    (tmp_path / "a.xml").write_text(VOC)
    with refuses(FileError, f"truth {tmp_path}", value="both"):
        read_truth(tmp_path)


@pytest.mark.parametrize(
    ("shapes", "match"),
    [
        (Shapes(boxes=((3, 0, 2, 1),)), {"setting": "a box", "value": [3, 0, 2, 1]}),
        (Shapes(boxes=((0, 0, float("nan"), 1),)), {"setting": "a box", "rule": "be left < right, top < bottom"}),
        (Shapes(boxes=((0, 0, 10, 1),)), {"setting": "a box", "value": [0, 0, 10, 1]}),
        (Shapes(polygons=((0, 0, 1, 1),)), {"setting": "a polygon", "value": 4}),
        (Shapes(polygons=((0, 0, 1, 1, float("inf"), 2),)), {"setting": "a polygon", "value": 6}),
        (Shapes(polygons=((0, 0, 1, 1, 1e300, 2),)), {"setting": "a polygon", "value": [0.0, 0.0, 1e300, 2.0]}),
        (Shapes(runs=(Runs((47,), 6, 8),)), {"setting": "runs", "value": 47}),
        (Shapes(runs=(Runs((-1, 49), 6, 8),)), {"setting": "runs", "value": 48}),
        (Shapes(runs=(Runs((48,), 8, 6),)), {"setting": "runs", "rule": "be for a photo of 6 x 8"}),
        (Shapes(runs=(Runs("\x01", 6, 8),)), {"setting": "runs", "value": "\x01"}),
        (Shapes(runs=(Runs("o", 6, 8),)), {"setting": "runs", "rule": "be COCO's text of numbers"}),
        (Shapes(size=(6, 8)), {"setting": "truth", "rule": "be for a photo of 6 x 8"}),
    ],
)
def test_shapes_that_do_not_fit_the_photo_are_refused(shapes, match):
    with refuses(InvalidInput, **match):
        shapes.drawn(HEIGHT, WIDTH)


def test_a_mask_of_another_size_or_kind_is_refused(tmp_path):
    save_mask(tmp_path / "cat.png")
    found = only(tmp_path)[0]
    with refuses(InvalidInput, "cat.png", value="6 x 8"):
        found.marked(WIDTH, HEIGHT)
    stream = io.BytesIO()
    Pillow.fromarray(OBJECT).convert("L").save(stream, "JPEG")
    (tmp_path / "cat.png").write_bytes(stream.getvalue())
    with pytest.raises(SeewhyError, match="must be a PNG"):
        found.marked(HEIGHT, WIDTH)
    (tmp_path / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\n garbage")
    with pytest.raises(SeewhyError, match=r"cat\.png"):
        found.marked(HEIGHT, WIDTH)
