"""Texts for people: one line, at most 1,000 bytes, nothing in it that a terminal obeys."""

import json
import os
import unicodedata

import numpy as np
import pytest
from PIL import Image

import scrl
from conftest import needs_library, python
from scrl.errors import LONGEST, one_line

# what a name or a content may hold → how it is shown
NASTY = {
    "newline": ("a\nb", "a\\nb"), "return": ("a\rb", "a\\rb"), "tab": ("a\tb", "a\\tb"),
    "escape": ("a\x1b[31mb", "a\\u001b[31mb"), "bell": ("a\ab", "a\\u0007b"),
    "delete": ("a\x7fb", "a\\u007fb"), "c1": ("a\x9bb", "a\\u009bb"),
    "override": ("a\u202eb", "a\\u202eb"), "isolate": ("a\u2066b", "a\\u2066b"),
    "line end": ("a\u2028b", "a\\u2028b"), "paragraph": ("a\u2029b", "a\\u2029b"),
    "byte order mark": ("a\ufeffb", "a\\ufeffb"), "tag": ("a\U000e0041b", "a\\U000e0041b"),
    "umlaut": ("aüb", "aüb"), "emoji": ("👩\u200d🚀", "👩\u200d🚀"), "hindi": ("हिन्दी", "हिन्दी"),
}


def is_clean(text):
    return len(text.encode()) <= LONGEST and not any(
        unicodedata.category(each) in ("Cc", "Cf", "Zl", "Zp", "Cs") and each not in "\u200c\u200d"
        for each in text)


@pytest.mark.parametrize("name", NASTY)
def test_python_and_the_library_show_a_name_alike(name):
    given, shown = NASTY[name]
    assert one_line(given) == shown
    try:
        with pytest.raises(scrl.StorageError) as told:
            scrl.Dataset("/no/such/" + given)
    except scrl.UnsupportedError:
        pytest.skip("libscrl.so.0 is not built")
    assert shown in str(told.value) and is_clean(str(told.value))


def test_bytes_of_names_that_are_not_utf8_are_spelt_out():
    assert one_line(os.fsdecode(b"a\xffb")) == "a\\xffb"
    assert str(scrl.ArgumentError("a\ud800b")) == "a\\ud800b"


@pytest.mark.parametrize("length", [0, 1, 332, 333, 334, 999, 1000, 1001, 5000, 1_000_000])
@pytest.mark.parametrize("letter", ["x", "ü", "☃", "👩", "\n", "\U000e0041"])
def test_a_long_text_keeps_its_ends_and_its_letters(letter, length):
    text = one_line("open: " + letter * length + " · expected less")
    assert is_clean(text) and text.startswith("open: ") and text.endswith(" · expected less")
    assert ("…" in text) == (len(one_line("open: " + letter * length + " · expected less", 10 ** 8).encode())
                             > LONGEST)
    assert text.encode().decode() == text  # cut between letters


def test_a_thousand_random_texts_stay_clean():
    rng = np.random.default_rng(5)
    pool = "ab/ü☃👩\n\r\t\x00\x1b\x7f\x85\u202e\u2028\u200d\ufeff\ud800\udcff…·\U000e0001"
    for _ in range(1000):
        text = "".join(rng.choice(list(pool), rng.integers(0, 700)))
        assert is_clean(one_line(text)), ascii(text)


LONG = "k" * 1_000_000

TREE = {"images": [{"id": 1, "file_name": "0.jpg", "width": 64, "height": 48}],
        "categories": [{"id": 1, "name": "fish"}], "annotations": []}
BOX = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "iscrowd": 0}


def with_image(**more):
    return {**TREE, "images": [{**TREE["images"][0], **more}]}


FILES = {  # annotation files whose errors or reports quote them
    "long key": '{"images": 5, "' + LONG + '": 1}',
    "long value": '{"images": "' + LONG + '"}',
    "no json": "\x1b[31m\u202e" * 9000,
    "long name": json.dumps(with_image(file_name=LONG)),
    "nasty name": json.dumps(with_image(file_name="no\nsuch\x1b[31m\u202e.jpg")),
    "long class": json.dumps({**TREE, "categories": [{"id": 1, "name": LONG}, {"id": 1, "name": "x"}]}),
    "nasty id": json.dumps({**TREE, "annotations": [{**BOX, "id": "a\nb" + LONG}]}),
    "nasty mask": json.dumps({**TREE, "annotations": [
        {**BOX, "segmentation": {"size": [48, 64], "counts": "\n\x1b" + LONG}}]}),
}


@needs_library
@pytest.mark.parametrize("kind", FILES)
def test_what_annotations_hold_cannot_spoil_a_text(tmp_path, kind):
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(tmp_path / "0.jpg")
    path = tmp_path / "a.json"
    path.write_text(FILES[kind], "utf-8", "surrogatepass")
    try:
        report = scrl.pack(tmp_path, tmp_path / "d.h5", annotations=path, progress=False)
        texts = [part for each in report.issues for part in (each.file, each.reason)]
        texts += [reason for _, reason in report.skipped]
    except scrl.Error as error:
        texts = [str(error)]
    assert all(is_clean(text) for text in texts), texts
    done = python("-m", "scrl", "pack", str(tmp_path), "--annotations", str(path), "--out",
                  str(tmp_path / "e.h5"))
    for line in (done.stdout + done.stderr).splitlines():
        assert is_clean(line), line[:300]
    try:
        scrl.coco.evaluate(path, [])
    except scrl.Error as error:
        assert is_clean(str(error))


@needs_library
def test_names_of_files_cannot_spoil_a_line(tmp_path):
    for name in ("a\nb.jpg", "\x1b[31mred.jpg", "turned\u202e.jpg", os.fsdecode(b"\xff\xfe.jpg"), "x" * 250):
        (tmp_path / name).write_bytes(b"no picture")
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(tmp_path / "good.jpg")
    done = python("-m", "scrl", "pack", str(tmp_path), "--out", str(tmp_path / "d.h5"), "--allow-loss")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 6 and all(is_clean(line) for line in lines), lines


@needs_library
def test_log_lines_are_one_line(data, tmp_path):
    import shutil

    run = tmp_path / "run\nof \x1b[31mmine"
    run.mkdir()
    with scrl.Model() as model:
        model.save(run / "checkpoint-00000001.h5")
    shutil.copy(data, run / "checkpoint.h5")
    told = []
    scrl.set_log(told.append)
    try:
        scrl.Model.load(run).close()
    finally:
        scrl.set_log(None)
    assert told and all(is_clean(line) for line in told) and "passed over" in told[0]
