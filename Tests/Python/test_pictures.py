"""Pictures that are not as they seem: turned, deep, hidden, cut short, too large; by every way in."""

import io
import json
import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

import scrl
from conftest import needs_library, python
from scrl import _abi, drawing, reading
from scrl.pack_report import PackReport, PictureNote

pytestmark = needs_library

ORIENTATIONS = range(1, 9)


def scene(height, width, seed=0):
    """Smooth (H,W,3) uint8 without any symmetry, so that every turn of it is another picture."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (4, 5, 3), np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def save(path, pixels, orientation=None, **more):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if orientation is not None:
        more["exif"] = exif(orientation)
    Image.fromarray(pixels).save(path, **more)
    return path


def upright(path):
    """(H,W,3) as Pillow shows the file."""
    with Image.open(path) as image:
        if image.format == "TIFF":  # turned as it is loaded; old Pillows leave the tag, and turn it twice
            return np.asarray(image.convert("RGB"))
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def pack(source, out, **more):
    return scrl.pack(source, out, progress=False, **{"allow_loss": True, **more})


def packed(source, out, **more):
    """The report, and the pictures of the dataset."""
    report = pack(source, out, **more)
    with scrl.Dataset(out) as ds:
        return report, list(ds)


def coco(folder, sizes=True, box=(2, 3, 8, 6)):
    """A COCO dict of the folder's files, each with one box."""
    images, notes = [], []
    for number, name in enumerate(sorted(os.listdir(folder)), 1):
        images.append({"id": number, "file_name": name})
        if sizes:
            try:
                height, width = upright(os.path.join(folder, name)).shape[:2]
                images[-1].update(width=width, height=height)
            except Exception:
                pass
        notes.append({"id": number, "image_id": number, "category_id": 1, "bbox": list(box),
                      "area": box[2] * box[3], "iscrowd": 0})
    return {"images": images, "annotations": notes, "categories": [{"id": 1, "name": "thing"}]}


def by_folder(folder, out, **more):
    return packed(folder, out, **more)


def by_list(folder, out, **more):
    files = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    return packed(files, out, **more)


def by_coco(folder, out, **more):
    return packed(folder, out, annotations=coco(folder), **more)


def by_shell(folder, out, **more):
    """The report as `scrl pack --json` prints it."""
    options = [part for key, value in more.items()
               for part in (f"--{key.replace('_', '-')}", str(value))]
    done = python("-m", "scrl", "pack", str(folder), "--out", str(out), "--json",
                  "--allow-loss", *options)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    last = events[-1]
    report = PackReport(
        last["added"], [(each["path"], each["reason"]) for each in events if each["event"] == "skipped"],
        notes=[PictureNote(each["file"], each["note"]) for each in events
               if each["event"] == "picture_note"],
        depths={int(key): value for key, value in last["depths"].items()},
        **{name: last[name] for name in ("turned", "not_turned", "truncated", "encoded", "several",
                                            "hidden")})
    with scrl.Dataset(out) as ds:
        return report, list(ds)


DOORS = [by_folder, by_list, by_coco, by_shell]
doors = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)


# ------------------------------------------------------------------ orientation

# Sides that are multiples of the coding blocks (turned without loss) and sides that are not.
SIZES = [(48, 64), (37, 51), (48, 51), (1, 9), (16, 16)]
# Kind, options of Pillow's save.
KINDS = [("jpg", {"quality": 95, "subsampling": 0}), ("jpg", {"quality": 95, "subsampling": 1}),
         ("jpg", {"quality": 95, "subsampling": 2}), ("jpg", {"quality": 95, "progressive": True}),
         ("png", {}), ("tiff", {}), ("tiff", {"compression": "tiff_lzw"}), ("webp", {"lossless": True})]


@doors
def test_pictures_are_turned_as_they_are_shown(door, tmp_path):
    folder = str(tmp_path / "in")
    shown = {}
    for size in SIZES:
        for number, (kind, options) in enumerate(KINDS):
            for orientation in ORIENTATIONS:
                name = f"{size[0]:02d}{size[1]:02d}-{number}-{orientation}.{kind}"
                save(os.path.join(folder, name), scene(*size), orientation, **options)
                shown[name] = upright(os.path.join(folder, name))
    report, images = door(folder, tmp_path / "d.h5")
    assert report.added == len(shown) and not report.skipped
    assert report.turned == len(SIZES) * len(KINDS) * 7 and report.not_turned == 0
    for (name, expected), found in zip(sorted(shown.items()), images):
        assert found.shape == expected.shape, name
        # A turned one is decoded from another stream, by up to one more coding at quality 95, where a
        # line of nine colours shares its colour with neighbours. Any other way of turning it is 30
        # levels off and more.
        bound = 8 if name.startswith("0109") else 3
        assert np.abs(found.astype(int) - expected).mean() < bound, name


def test_turns_are_pillows(tmp_path):
    for height, width in SIZES:
        pixels = scene(height, width)
        for orientation in ORIENTATIONS:
            path = save(str(tmp_path / "x.png"), pixels, orientation)
            np.testing.assert_array_equal(reading.turned(pixels, orientation), upright(path))
            back = reading._as_stored(reading.turned(pixels, orientation), orientation)
            np.testing.assert_array_equal(back, pixels)


def test_without_loss_where_the_blocks_allow_it(tmp_path):
    """Sides of whole blocks: the turned stream decodes to the turned pixels.

    Rows and columns are rounded in another order: brightness and colours are off by a level each, blue
    by 1 + 1.772. Where colour is stored at half the sides it is also interpolated in another order.
    """
    for subsampling in (0, 2):
        for orientation in ORIENTATIONS:
            path = save(str(tmp_path / "in" / "x.jpg"), scene(48, 64), orientation, quality=60,
                        subsampling=subsampling)
            report, images = packed([path], tmp_path / "d.h5")
            assert report.encoded == 0
            difference = np.abs(images[0].astype(int) - upright(path))
            assert difference.max() <= (3 if subsampling == 0 else 6), (subsampling, orientation)


def test_a_stored_stream_shows_what_the_dataset_holds(tmp_path):
    """Other programs turn nothing again: the tag of the stored stream says 1, turned or not."""
    for size in SIZES[:2]:
        for orientation in (2, 3, 6, 8):
            for choice in ("apply", "ignore"):
                path = save(str(tmp_path / "in" / "x.jpg"), scene(*size), orientation, quality=95)
                pack([path], tmp_path / "d.h5", orientation=choice)
                with scrl.Dataset(tmp_path / "d.h5") as ds:
                    (tmp_path / "y.jpg").write_bytes(ds.jpeg(0))
                    again = upright(tmp_path / "y.jpg")
                    assert again.shape == ds[0].shape
                    assert np.abs(again.astype(int) - ds[0]).max() <= 1


@pytest.mark.parametrize("orientation", [None, 1, 0, 9, 255, 65535])
def test_without_a_turn_the_stream_goes_in_unchanged(orientation, tmp_path):
    path = save(str(tmp_path / "x.jpg"), scene(37, 51), orientation)
    report = pack([path], tmp_path / "d.h5")
    assert report.turned == report.not_turned == 0 and not report.notes
    with scrl.Dataset(tmp_path / "d.h5") as ds, open(path, "rb") as file:
        assert ds.jpeg(0) == file.read()


@doors
@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_orientation_is_ignored_or_refused_when_asked(door, kind, tmp_path):
    folder = str(tmp_path / "in")
    save(os.path.join(folder, f"a.{kind}"), scene(37, 51))
    save(os.path.join(folder, f"b.{kind}"), scene(37, 51), 3)
    report, images = door(folder, tmp_path / "d.h5", orientation="ignore")
    assert (report.added, report.turned, report.not_turned) == (2, 0, 1)
    assert np.abs(images[1].astype(int) - scene(37, 51)).mean() < 4
    report, images = door(folder, tmp_path / "e.h5", orientation="refuse")
    assert report.added == 1 and [os.path.basename(path) for path, _ in report.skipped] == [f"b.{kind}"]
    assert "orientation: EXIF says 3" in report.skipped[0][1]


# Orientation, stored (width, height), told (width, height) or None; turned, part of the note.
COCO_CASES = [
    (6, (64, 48), (48, 64), 1, None), (6, (64, 48), (64, 48), 0, "not applied"),
    (8, (64, 48), (48, 64), 1, None), (5, (64, 48), (64, 48), 0, "not applied"),
    (3, (64, 48), (64, 48), 1, "cannot tell"), (2, (64, 48), (64, 48), 1, "cannot tell"),
    (6, (48, 48), (48, 48), 1, "cannot tell"), (6, (64, 48), None, 1, "cannot tell"),
    (3, (64, 48), None, 1, "cannot tell"), (1, (64, 48), (64, 48), 0, None),
]


@pytest.mark.parametrize("kind", ["jpg", "png", "tiff"])
@pytest.mark.parametrize("case", COCO_CASES, ids=str)
def test_coco_sizes_tell_which_pixels_are_meant(case, kind, tmp_path):
    orientation, (width, height), told, turned, note = case
    path = save(str(tmp_path / "in" / f"x.{kind}"), scene(height, width), orientation)
    notes = coco(tmp_path / "in", sizes=False)
    if told:
        notes["images"][0].update(width=told[0], height=told[1])
    report, images = packed(tmp_path / "in", tmp_path / "d.h5", annotations=notes)
    assert (report.added, report.turned) == (1, turned)
    assert report.not_turned == int(orientation > 1 and not turned)
    with Image.open(path) as image:
        expected = upright(path) if turned or kind == "tiff" and orientation == 1 else scene(height, width)
    assert images[0].shape == expected.shape
    assert np.abs(images[0].astype(int) - expected).mean() < 4
    texts = [each.note for each in report.notes]
    assert len(texts) == bool(note) and all(note in text for text in texts)
    assert all(each.file.endswith(f"x.{kind}") for each in report.notes)


def test_the_size_of_run_lengths_tells_too(tmp_path):
    """No sizes of the image, but those of its mask's run lengths: of the stored pixels."""
    save(str(tmp_path / "in" / "x.jpg"), scene(48, 64), 6)
    notes = coco(tmp_path / "in", sizes=False)
    for size, turned in (((48, 64), 0), ((64, 48), 1)):
        notes["annotations"][0]["segmentation"] = {"size": size, "counts": [0, 20, 48 * 64 - 20]}
        report = pack(tmp_path / "in", tmp_path / "d.h5", annotations=notes)
        assert (report.added, report.turned, len(report.issues)) == (1, turned, 0)


def test_ignoring_against_the_sizes_says_so(tmp_path):
    save(str(tmp_path / "in" / "x.jpg"), scene(48, 64), 6)
    save(str(tmp_path / "in" / "y.jpg"), scene(48, 64))
    report = pack(tmp_path / "in", tmp_path / "d.h5", annotations=coco(tmp_path / "in"),
                  orientation="ignore")
    assert report.added == 1 and "that of the upright picture" in report.skipped[0][1]


def test_a_box_of_an_upright_picture_holds_its_object(tmp_path):
    """Turned by each orientation, with sides of whole blocks or not, the annotated object is red."""
    for number, orientation in enumerate(ORIENTATIONS):
        for height, width in ((64, 96), (61, 99)):
            pixels = np.full((height, width, 3), 60, np.uint8)
            pixels[4:20, 4:28] = (250, 30, 30)
            folder = tmp_path / f"{number}-{height}"
            path = save(str(folder / "x.jpg"), pixels, orientation, quality=95)
            shown = upright(path).astype(int)
            ys, xs = np.where((shown[:, :, 0] > 150) & (shown[:, :, 1] < 120))
            box = [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
            notes = coco(folder, box=[int(side) for side in box])
            _, images = packed(folder, folder / "d.h5", annotations=notes)
            with scrl.Dataset(folder / "d.h5") as ds:
                x0, y0, x1, y1 = ds.boxes(0)[0].astype(int)
            inside = images[0][y0:y1, x0:x1].reshape(-1, 3).mean(0)
            assert inside[0] > 220 and inside[1] < 70, (orientation, height)


def test_sizes_without_pixels_are_those_of_upright_pictures(tmp_path):
    for kind in ("jpg", "png", "tiff", "webp"):
        for orientation in ORIENTATIONS:
            path = save(str(tmp_path / f"x.{kind}"), scene(37, 51), orientation)
            assert reading.upright_size(os.fsencode(path)) == upright(path).shape[1::-1], (kind, orientation)
    whole = (tmp_path / "x.png").read_bytes()  # EXIF behind the pixels
    start = whole.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(whole[start:start + 4], "big")
    late = whole[:start] + whole[end:-12] + whole[start:end] + whole[-12:]
    (tmp_path / "late.png").write_bytes(late)
    assert reading.upright_size(os.fsencode(tmp_path / "late.png")) == (37, 51)
    report, images = packed([tmp_path / "late.png"], tmp_path / "d.h5")
    assert report.turned == 1 and images[0].shape == (51, 37, 3)


def test_yolo_labels_are_of_upright_pictures(tmp_path):
    """Shares of the upright sides: the red object, top left, whatever the orientation."""
    for kind in ("jpg", "png", "tiff"):
        for orientation in ORIENTATIONS:
            folder = tmp_path / f"{kind}{orientation}"
            shown = np.full((64, 96, 3), 60, np.uint8)
            shown[4:20, 4:28] = (250, 30, 30)
            pixels = reading._as_stored(shown, orientation)
            more = {"quality": 95} if kind == "jpg" else {}
            save(str(folder / f"x.{kind}"), pixels, orientation, **more)
            (folder / "x.txt").write_text(f"0 {16 / 96} {12 / 64} {24 / 96} {16 / 64}\n")
            _, images = packed(folder, tmp_path / "d.h5", annotations=scrl.annotations.from_yolo(
                folder, classes=["red"]))
            with scrl.Dataset(tmp_path / "d.h5") as ds:
                x0, y0, x1, y1 = ds.boxes(0)[0].round().astype(int)
            inside = images[0][y0:y1, x0:x1].reshape(-1, 3).mean(0)
            assert inside[0] > 220 and inside[1] < 70, (kind, orientation)


def test_predict_reads_files_upright(tmp_path):
    for kind in ("jpg", "png", "tiff"):
        for orientation in ORIENTATIONS:
            path = save(str(tmp_path / f"x.{kind}"), scene(37, 51), orientation)
            np.testing.assert_array_equal(drawing.read_rgb(path), upright(path))
            left, _ = drawing.read_picture(path, reading.Rules(orientation="ignore"))
            assert left.shape == (37, 51, 3)
            if orientation > 1:
                with pytest.raises(scrl.DataError, match="orientation"):
                    drawing.read_picture(path, reading.Rules(orientation="refuse"))


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """The run folder of a detector that has hardly learnt."""
    from scrl import synth

    folder = tmp_path_factory.mktemp("detector")
    synth.write(folder / "in", 4, seed=3, size=64, workers=1, progress=False)
    pack(folder / "in", folder / "d.h5", annotations=folder / "in" / "annotations.json")
    config = {"detect.batch": 2, "detect.steps": 1, "detect.min_size": 64, "detect.test_size": 64,
              "detect.max_size": 96, "detect.channels": 16, "detect.fc": 32, "detect.mask_channels": 16,
              "detect.proposals": 20, "threads": 1, "loader.threads": 1}
    with scrl.Detector(config, folder / "d.h5", folder / "run") as made:
        made.fit(progress=False)
    return folder / "run"


def test_the_shell_predicts_on_upright_pictures(detector, tree, tmp_path):
    """Drawn pictures have the upright sides; what was turned, guessed or left out is told."""
    save(str(tree / "cat" / "turned.jpg"), scene(48, 64), 6)
    png16(str(tree / "deep.png"), ramp(4095))
    cut(str(tree / "cut.jpg"), jpeg_bytes(scene(48, 64)), 2)
    run = ["-m", "scrl", "detect", "predict", str(tree), "--checkpoint", str(detector), "--pictures",
           str(tmp_path / "drawn")]
    done = python(*run, "--json")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    notes = {os.path.relpath(each["file_name"], tree): each["note"] for each in events
             if each.get("event") == "picture_note"}
    assert notes["cat/turned.jpg"] == "turned by its EXIF orientation 6"
    assert "12 bits" in notes["deep.png"] and len(notes) == len(HIDDEN) + 2
    sides = [Image.open(tmp_path / "drawn" / name).size for name in os.listdir(tmp_path / "drawn")
             if "turned" in name]
    assert sides == [(48, 64)]
    done = python(*run, "--orientation", "ignore", "--bits", "16", "--on-truncated", "keep")
    assert done.returncode == 0 and "turned by" not in done.stdout and "12 bits" not in done.stdout
    assert f"note: {tree}" in done.stdout


def segment(marker, body):
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def tiff_header(order, orientation, kind=3, count=1, offset=8, entries=1, magic=42):
    value = {1: "B", 3: "H", 4: "I"}.get(kind, "H")
    packed_value = struct.pack(order + value, orientation).ljust(4, b"\0")
    return ((b"II" if order == "<" else b"MM") + struct.pack(order + "HI", magic, offset)
            + struct.pack(order + "H", entries) + struct.pack(order + "HHI", 0x0112, kind, count)
            + packed_value + b"\0\0\0\0")


# Header text; whether the orientation 6 in it counts.
HEADERS = [
    (tiff_header("<", 6), True), (tiff_header(">", 6), True), (tiff_header("<", 6, kind=4), True),
    (tiff_header(">", 6, kind=1), True), (tiff_header("<", 6, entries=65535), True),
    (tiff_header("<", 6, kind=2), False), (tiff_header("<", 6, count=2), False),
    (tiff_header("<", 6, offset=0xFFFFFFFF), False), (tiff_header("<", 6, offset=0), False),
    (tiff_header(">", 6, offset=4), False), (tiff_header("<", 6, magic=43), False),
    (tiff_header("<", 6, entries=0), False), (tiff_header("<", 6)[:12], False),
    (b"II", False), (b"", False), (b"XX" + tiff_header("<", 6)[2:], False),
]


def with_exif(jpeg, header):
    return jpeg[:2] + segment(0xE1, b"Exif\0\0" + header) + jpeg[2:]


def jpeg_bytes(pixels, **options):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", **options)
    return stream.getvalue()


def test_headers_of_both_orders_and_broken_ones(tmp_path):
    plain = jpeg_bytes(scene(37, 51))
    for header, counts in HEADERS:
        (tmp_path / "x.jpg").write_bytes(with_exif(plain, header))
        report = pack([tmp_path / "x.jpg"], tmp_path / "d.h5")
        assert (report.added, report.turned) == (1, int(counts)), header


def test_hostile_headers_never_harm(tmp_path):
    """3,000 mutations of a header: each file is packed, turned by some orientation or not at all."""
    rng = np.random.default_rng(11)
    plain, files = jpeg_bytes(scene(8, 16)), []
    (tmp_path / "in").mkdir()
    for number in range(3000):
        header = bytearray(tiff_header("<>"[number % 2], int(rng.integers(1, 9)),
                                       entries=int(rng.integers(0, 4))) + rng.bytes(40))
        for _ in range(int(rng.integers(0, 6))):
            header[rng.integers(len(header))] = rng.choice([0, 1, 2, 0x12, 0x7F, 0x80, 0xFF])
        stream = with_exif(plain, bytes(header[:rng.integers(len(header)) + 1]))
        if number % 5 == 0:  # several segments, stray and fill bytes between them
            stream = stream[:2] + segment(0xE1, b"Exif\0\0") + b"\xff\xff" + stream[2:]
        files.append(tmp_path / "in" / f"{number}.jpg")
        files[-1].write_bytes(stream)
    report, images = packed(files, tmp_path / "d.h5")
    assert report.added + len(report.skipped) == 3000 and report.added > 2900
    assert 300 < report.turned < 2500
    assert {image.shape for image in images} == {(8, 16, 3), (16, 8, 3)}


# ------------------------------------------------------------------ depth

def png16(path, values):
    """A PNG of 16 bits with samples (H,W,C): gray, gray and alpha, colour, colour and alpha."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width, channels = values.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n"
                   + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
                   + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def ramp(top, channels=1):
    """(64,256,C) from 0 to top."""
    line = np.linspace(0, top, 256).astype(np.uint16)
    return np.repeat(np.tile(line, (64, 1))[:, :, None], channels, 2)


@doors
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_deep_files_are_scaled_by_what_they_hold(door, bits, tmp_path):
    """A ramp over the whole range is one from black to white, whatever kind of file holds it."""
    folder = str(tmp_path / "in")
    top = (1 << bits) - 1
    for channels in (1, 3):
        png16(os.path.join(folder, f"{channels}.png"), ramp(top, channels))
    for channels in (2, 4):  # opaque
        values = ramp(top, channels)
        values[:, :, -1] = 65535
        png16(os.path.join(folder, f"{channels}.png"), values)
    save(os.path.join(folder, "gray.tiff"), ramp(top)[:, :, 0])
    save(os.path.join(folder, "lzw.tiff"), ramp(top)[:, :, 0], compression="tiff_lzw")
    save(os.path.join(folder, "signed.tiff"), ramp(top)[:, :, 0].astype(np.int32))
    report, images = door(folder, tmp_path / "d.h5")
    assert report.added == 7 and report.depths == {bits: 7}
    expected = np.linspace(0, 255, 256)
    for image in images:
        assert np.abs(image.astype(float) - expected[None, :, None]).mean() < 2
    texts = [each.note for each in report.notes]
    assert len(texts) == (7 if bits < 16 else 0)
    assert all(f"taken as {bits} bits, scaled by {top}" in text for text in texts)
    if bits < 16:
        assert f"7 of 16 bits hold only {bits}, scaled by {top}" in report.told()


@doors
def test_bits_make_the_depth_the_same_for_all(door, tmp_path):
    folder = str(tmp_path / "in")
    for top in (4095, 1023, 100):
        png16(os.path.join(folder, f"{top:04d}.png"), ramp(top))
        png16(os.path.join(folder, f"{top:04d}-colour.png"), ramp(top, 3))
    report, images = door(folder, tmp_path / "d.h5", bits=12)
    assert report.depths == {12: 6} and not report.notes
    for image, top in zip(images, (6, 6, 63, 63, 255, 255)):
        assert abs(int(image.max()) - top) <= 2
    report, _ = door(folder, tmp_path / "e.h5")
    assert report.depths == {8: 2, 10: 2, 12: 2}
    assert "scaled differently" in report.told()[-1]
    report, _ = door(folder, tmp_path / "f.h5", bits=10)
    assert report.added == 4 and len(report.skipped) == 2
    assert "values up to 4095, expected 10 bits" in report.skipped[0][1]


def test_a_deep_colour_tiff_of_several_strips(tmp_path):
    """256×64 samples of 16 bits in strips of ten rows, as cameras and scanners write them."""
    values = ramp(4095, 3).astype("<u2")
    strips = [values[row:row + 10].tobytes() for row in range(0, 64, 10)]
    count, entries, start = len(strips), 10, 8 + 2 + 12 * 10 + 4
    offsets = np.cumsum([start + 6 + 8 * count] + [len(strip) for strip in strips])[:-1]
    tags = [(256, 4, 1, 256), (257, 4, 1, 64), (258, 3, 3, start), (259, 3, 1, 1), (262, 3, 1, 2),
            (273, 4, count, start + 6), (277, 3, 1, 3), (278, 4, 1, 10),
            (279, 4, count, start + 6 + 4 * count), (284, 3, 1, 1)]
    (tmp_path / "x.tiff").write_bytes(
        b"II*\0" + struct.pack("<IH", 8, entries) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
        + struct.pack("<I", 0) + struct.pack("<3H", 16, 16, 16) + struct.pack(f"<{count}I", *offsets)
        + struct.pack(f"<{count}I", *map(len, strips)) + b"".join(strips))
    report, images = packed([tmp_path / "x.tiff"], tmp_path / "d.h5")
    assert report.depths == {12: 1}
    assert np.abs(images[0].astype(float) - np.linspace(0, 255, 256)[None, :, None]).mean() < 2


def test_black_files_are_told(tmp_path):
    for channels in (1, 3):
        png16(str(tmp_path / "in" / f"{channels}.png"), ramp(0, channels))
    report, images = packed(tmp_path / "in", tmp_path / "d.h5")
    assert [each.note for each in report.notes] == ["all its values are 0"] * 2
    assert max(image.max() for image in images) == 0


def test_a_tiff_that_tells_its_depth_is_believed(tmp_path):
    from PIL import TiffImagePlugin

    os.makedirs(tmp_path / "in")
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[281] = 4095  # MaxSampleValue
    Image.fromarray(ramp(500)[:, :, 0]).save(tmp_path / "in" / "a.tiff", tiffinfo=tags)
    report, images = packed(tmp_path / "in", tmp_path / "d.h5")
    assert report.depths == {12: 1} and not report.notes
    assert abs(int(images[0].max()) - 500 * 255 // 4095) <= 2


def test_a_pgm_is_scaled_by_its_own_range(tmp_path):
    pixels = ramp(4095)[:, :, 0].astype(">u2").tobytes()
    (tmp_path / "x.pgm").write_bytes(b"P5 256 64 4095\n" + pixels)
    report, images = packed([tmp_path / "x.pgm"], tmp_path / "d.h5")
    assert images[0].max() >= 254 and report.added == 1


# File, part of the reason.
UNKNOWN_RANGES = [
    ("float.tiff", np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8), "floating point"),
    ("negative.tiff", np.arange(-9, 55, dtype=np.int32).reshape(8, 8), "-9 … 54"),
    ("large.tiff", np.full((8, 8), 70000, np.int32), "70000"),
]


@doors
def test_values_of_unknown_range_are_listed(door, tmp_path):
    folder = str(tmp_path / "in")
    save(os.path.join(folder, "good.png"), scene(8, 8))
    for name, values, _ in UNKNOWN_RANGES:
        save(os.path.join(folder, name), values)
    report, _ = door(folder, tmp_path / "d.h5")
    told = {os.path.basename(path): reason for path, reason in report.skipped}
    assert report.added == 1
    for name, _, reason in UNKNOWN_RANGES:
        assert reason in told[name]


def test_other_kinds_of_pixels(tmp_path):
    """1 bit, palette with transparency, ink, gray with alpha: their pixels as Pillow shows them."""
    gray = scene(32, 40)
    cases = {
        "bit.png": (Image.fromarray(gray).convert("1"), None),
        "ink.tiff": (Image.fromarray(gray).convert("CMYK"), None),
        "alpha.png": (Image.fromarray(gray).convert("LA"), None),
        "palette.png": (Image.fromarray(gray).convert("P"), 3),
    }
    os.makedirs(tmp_path / "in")
    for name, (image, transparent) in cases.items():
        more = {} if transparent is None else {"transparency": transparent}
        image.save(tmp_path / "in" / name, **more)
        found = reading.read(os.fsencode(tmp_path / "in" / name), "no").pixels
        with Image.open(tmp_path / "in" / name) as back:
            expected = back.convert("RGBA")
            white = Image.new("RGBA", expected.size, (255, 255, 255, 255))
            expected = np.asarray(Image.alpha_composite(white, expected).convert("RGB"))
        np.testing.assert_array_equal(found, expected, err_msg=name)


@doors
def test_of_several_frames_the_first_is_taken_and_told(door, tmp_path):
    folder = str(tmp_path / "in")
    os.makedirs(folder)
    frames = [Image.fromarray(np.full((16, 24, 3), value, np.uint8)) for value in (200, 20, 90)]
    for name in ("a.gif", "b.png", "c.tiff", "d.webp"):
        frames[0].save(os.path.join(folder, name), save_all=True, append_images=frames[1:])
    save(os.path.join(folder, "e.png"), scene(16, 24))
    report, images = door(folder, tmp_path / "d.h5")
    assert report.added == 5 and report.several == 4
    assert all(abs(int(image.mean()) - 200) <= 3 for image in images[:4])
    assert [each.note for each in report.notes] == [
        "holds several frames or pages: the first was taken"] * 4


# ------------------------------------------------------------------ hidden names

HIDDEN = [
    ".x.jpg", "._cat.jpg", ".DS_Store", ".ipynb_checkpoints/0.jpg", "__MACOSX/cat/x.jpg",
    "cat/@eaDir/x.jpg", "cat/Thumbs.db", "THUMBS.DB", "cat/desktop.ini", "#recycle/x.jpg",
    "$RECYCLE.BIN/x.jpg", "System Volume Information/x.jpg", "lost+found/x.jpg", "@__thumb/x.jpg",
    "cat/.git/objects/x.jpg", "x.jpg@SynoEAStream",
]
SHOWN = ["cat/a.jpg", "cat/b.x.jpg", "dog/@home/c.jpg", "dog/thumbs.db.jpg", "macosx/d.jpg"]


@pytest.fixture()
def tree(tmp_path):
    root = tmp_path / "in"
    for number, name in enumerate((*HIDDEN, *SHOWN)):
        save(str(root / name), scene(16, 16, number), format="JPEG")
    return root


@pytest.mark.parametrize("labels", [None, "folders"])
def test_hidden_files_and_folders_are_left_out(labels, tree, tmp_path):
    more = {} if labels is None else {"labels": labels}
    for door in (by_folder, by_shell):
        report, _ = door(str(tree), tmp_path / "d.h5", **more)
        assert report.added == len(SHOWN) and not report.skipped
        assert report.hidden == len(HIDDEN)
        assert f"{len(HIDDEN)} hidden left out" in report.told()
        left = {os.path.relpath(each.file, tree) for each in report.notes}
        assert all(any(name == each or name.startswith(each + "/") for each in left) for name in HIDDEN)
        with scrl.Dataset(tmp_path / "d.h5") as ds:
            assert ds.classes == ([] if labels is None else ["cat", "dog", "macosx"])


def test_a_hidden_folder_given_by_name_is_walked(tmp_path):
    save(str(tmp_path / ".cache" / "a.jpg"), scene(16, 16))
    for root in (str(tmp_path / ".cache"), str(tmp_path / ".cache") + "/"):
        assert pack(root, tmp_path / "d.h5").added == 1
        assert reading.files_below(root) == ([os.path.join(root, "a.jpg")], [])


def test_hidden_files_named_one_by_one_are_packed(tmp_path):
    path = save(str(tmp_path / "in" / ".a.jpg"), scene(16, 16))
    assert pack([path], tmp_path / "d.h5").added == 1
    notes = coco(tmp_path / "in")
    assert pack(tmp_path / "in", tmp_path / "d.h5", annotations=notes).added == 1


def test_other_walks_leave_out_the_same(tree, tmp_path):
    files, hidden = reading.files_below(str(tree))
    assert [os.path.relpath(path, tree) for path in files] == sorted(SHOWN)
    assert len(hidden) == len(HIDDEN)
    assert _abi.is_hidden("Thumbs.DB") and not _abi.is_hidden("thumbs") and not _abi.is_hidden("")
    # Pascal VOC and Cityscapes: what macOS puts beside their files is none of them
    from scrl import annotation_files, cityscapes

    os.makedirs(tmp_path / "voc" / "Annotations" / "@eaDir")
    for name in ("a.xml", "._a.xml", "@eaDir/a.xml"):
        (tmp_path / "voc" / "Annotations" / name).write_text("")
    assert list(annotation_files.files_below(str(tmp_path / "voc"), ".xml")) == ["Annotations/a.xml"]
    for name in (".x", "bonn"):
        os.makedirs(tmp_path / "city" / "gtFine" / "train" / name)
        for stem in ("a", "._a"):
            (tmp_path / "city" / "gtFine" / "train" / name / (stem + cityscapes.ENDING)).write_text("")
    unusable = []
    cityscapes.from_cityscapes(tmp_path / "city", "train", unusable)
    assert len(unusable) <= 1


# ------------------------------------------------------------------ limits

def bomb(path, width, height):
    """A PNG whose header claims a size, with no rows."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
            for kind, body in chunks))


def claiming(jpeg, width, height):
    """The JPEG with other sides in its frame header."""
    place = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:place] + struct.pack(">HH", height, width) + jpeg[place + 4:]


LIMITS = {"strip.png": (100_000, 4), "tall.png": (4, 100_000), "huge.png": (60_000, 60_000),
          "large.png": (16_385, 16_385), "edge.jpg": (65_535, 4), "square.jpg": (65_000, 65_000)}


@doors
def test_pictures_beyond_the_limits_are_the_same_error_by_every_way(door, tmp_path, capfd):
    folder = str(tmp_path / "in")
    save(os.path.join(folder, "a.jpg"), scene(16, 16))
    save(os.path.join(folder, "one.png"), scene(1, 1))
    save(os.path.join(folder, "one.jpg"), scene(1, 1))
    Image.fromarray(np.zeros((4, 100_000, 3), np.uint8)).save(os.path.join(folder, "strip.png"))
    plain = jpeg_bytes(scene(16, 16))
    for name, (width, height) in LIMITS.items():
        path = os.path.join(folder, name)
        if name.endswith(".jpg"):
            with open(path, "wb") as file:
                file.write(claiming(plain, width, height))
        elif name != "strip.png":
            bomb(path, width, height)
    for name in ("empty.jpg", "empty.png"):
        open(os.path.join(folder, name), "wb").close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report, images = door(folder, tmp_path / "d.h5")
    told = {os.path.basename(path): reason for path, reason in report.skipped}
    assert report.added == len(images) == 3
    for name, (width, height) in LIMITS.items():
        assert told[name].startswith(
            f"decode: image is {width}×{height}, expected sides up to 65500 and at most 268435456 "
            "pixels"), told[name]
    assert "empty.jpg" in told and "empty.png" in told
    assert "Warning" not in capfd.readouterr().err
    with pytest.raises(scrl.DataError, match="65500"):
        drawing.read_rgb(os.path.join(folder, "strip.png"))


def test_pillows_settings_are_left_as_they_were(tmp_path, monkeypatch):
    from PIL import ImageFile

    save(str(tmp_path / "a.png"), scene(40, 40))
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:-400])
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    pack([tmp_path / "a.png", tmp_path / "b.png"], tmp_path / "d.h5", on_truncated="keep")
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES) == before
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)  # a host that means it
    with pytest.raises(scrl.DataError, match="MAX_IMAGE_PIXELS is 500"):
        pack([tmp_path / "a.png"], tmp_path / "d.h5")
    assert Image.MAX_IMAGE_PIXELS == 500


def test_too_little_memory_is_the_pictures_fault(tmp_path, monkeypatch):
    save(str(tmp_path / "in" / "a.jpg"), scene(16, 16))
    save(str(tmp_path / "in" / "b.png"), scene(16, 16))

    def no_memory(*_):
        raise MemoryError

    monkeypatch.setattr(reading, "_decode", no_memory)
    report = pack(tmp_path / "in", tmp_path / "d.h5")
    assert report.added == 1 and report.skipped[0][1] == "too large to decode"


# ------------------------------------------------------------------ files that end early

def cut(path, whole, bytes_left_out):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(whole[:len(whole) - bytes_left_out])


@doors
def test_files_that_end_early_are_skipped_or_kept(door, tmp_path):
    folder = str(tmp_path / "in")
    pixels = scene(64, 96) // 2 + np.random.default_rng(3).integers(0, 99, (64, 96, 3), np.uint8)
    whole = jpeg_bytes(pixels, quality=95)
    save(os.path.join(folder, "a.jpg"), pixels, quality=95)
    for name, left_out in (("b-marker.jpg", 2), ("c-half-marker.jpg", 1), ("d-half.jpg", len(whole) // 2)):
        cut(os.path.join(folder, name), whole, left_out)
    for kind in ("png", "tiff", "bmp"):
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, kind)
        cut(os.path.join(folder, f"e.{kind}"), stream.getvalue(), len(stream.getvalue()) // 2)
    cut(os.path.join(folder, "f-header.jpg"), whole, len(whole) - 20)
    cut(os.path.join(folder, "g-header.png"), stream.getvalue(), len(stream.getvalue()) - 20)

    report, _ = door(folder, tmp_path / "d.h5")
    assert report.added == 1 and len(report.skipped) == 8 and report.truncated == 0
    report, images = door(folder, tmp_path / "e.h5", on_truncated="keep")
    assert report.added == 7 and report.truncated == 6
    assert {os.path.basename(path) for path, _ in report.skipped} == {"f-header.jpg", "g-header.png"}
    with scrl.Dataset(tmp_path / "e.h5") as ds:
        for number in (1, 2):  # nothing of them is missing
            np.testing.assert_array_equal(ds[number], ds[0])
            assert ds.jpeg(number)[-2:] == b"\xff\xd9"
    assert np.abs(images[3][:16].astype(int) - images[0][:16]).mean() < 4 and (images[3][-8:] == 128).all()
    told = {os.path.basename(each.file): each.note for each in report.notes}
    assert "end marker" in told["b-marker.jpg"] and "end marker" in told["c-half-marker.jpg"]
    for name in ("d-half.jpg", "e.png", "e.tiff", "e.bmp"):
        assert told[name].startswith("cut short: ") and " of 64 rows are there" in told[name]


def test_every_cut_of_a_jpeg_is_told_right(tmp_path):
    """Kept ones decode without a complaint; those whose end marker alone is missing are whole."""
    pixels = scene(48, 64)
    for options in ({}, {"progressive": True}, {"subsampling": 0}):
        whole = jpeg_bytes(pixels, quality=90, **options)
        lengths = list(range(4, len(whole), 37)) + [len(whole) - 2, len(whole) - 1]
        files = []
        for length in lengths:
            files.append(tmp_path / f"{length}.jpg")
            files[-1].write_bytes(whole[:length])
        files.append(tmp_path / "whole.jpg")
        files[-1].write_bytes(whole)
        report, images = packed(files, tmp_path / "d.h5", on_truncated="keep")
        assert report.truncated == report.added - 1 == len(report.notes) >= len(lengths) // 2
        np.testing.assert_array_equal(images[-2], images[-1])
        np.testing.assert_array_equal(images[-3], images[-1])
        assert len(report.skipped) + report.added == len(files)


def test_a_truncated_picture_is_turned_too(tmp_path):
    path = save(str(tmp_path / "x.jpg"), scene(64, 96), 6, quality=95)
    with open(path, "rb") as file:
        whole = file.read()
    for left_out in (2, len(whole) // 3):
        cut(str(tmp_path / "y.jpg"), whole, left_out)
        report, images = packed([tmp_path / "y.jpg"], tmp_path / "d.h5", on_truncated="keep")
        assert (report.turned, report.truncated) == (1, 1) and images[0].shape == (96, 64, 3)
        seen = upright(path)
        assert np.abs(images[0][:, -24:].astype(int) - seen[:, -24:]).mean() < 5


def test_stray_bytes_between_segments_hide_no_missing_end(tmp_path):
    """Cameras write them, and they change nothing; the decoder's first complaint is of them, though."""
    whole = jpeg_bytes(scene(64, 96), quality=95)
    after = 4 + int.from_bytes(whole[4:6], "big")  # SOI and the first segment
    stray = whole[:after] + b"\x01\x02\x03" + whole[after:]
    (tmp_path / "stray.jpg").write_bytes(stray)
    (tmp_path / "cut.jpg").write_bytes(stray[:-len(stray) // 2])
    (tmp_path / "marker.jpg").write_bytes(stray[:-2])
    files = [tmp_path / f"{name}.jpg" for name in ("stray", "cut", "marker")]
    report = pack(files, tmp_path / "d.h5")
    assert report.added == 1 and len(report.skipped) == 2
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        assert ds.jpeg(0) == stray
    report, images = packed(files, tmp_path / "e.h5", on_truncated="keep")
    assert report.truncated == 2 and (images[1][-8:] == 128).all()
    np.testing.assert_array_equal(images[2], images[0])


def test_other_damage_is_not_kept(tmp_path):
    """A bit of the data changed is no missing end."""
    whole = bytearray(jpeg_bytes(scene(64, 96), quality=95))
    save(str(tmp_path / "in" / "a.jpg"), scene(16, 16))
    (tmp_path / "in" / "b.jpg").write_bytes(b"\xff\xd8" + bytes(400))
    (tmp_path / "in" / "c.jpg").write_bytes(bytes(whole[:200]) + bytes(whole[:200]) + b"\xff\xd9")
    report = pack(tmp_path / "in", tmp_path / "d.h5", on_truncated="keep")
    assert report.added == 1 and len(report.skipped) == 2


# ------------------------------------------------------------------ options, the shell, C

@pytest.mark.parametrize("more", [
    {"orientation": "turn"}, {"orientation": None}, {"on_truncated": "drop"}, {"bits": 7},
    {"bits": 17}, {"bits": "12"}, {"bits": True}, {"bits": 12.0},
])
def test_wrong_options_are_argument_errors(more, tmp_path):
    with pytest.raises(scrl.ArgumentError, match=f"pack: {next(iter(more))} is"):
        pack(tmp_path, tmp_path / "d.h5", **more)


def test_the_last_line_of_the_shell_tells_all(tmp_path):
    folder = str(tmp_path / "in")
    save(os.path.join(folder, "a.jpg"), scene(48, 64), 6)
    save(os.path.join(folder, ".b.jpg"), scene(48, 64))
    png16(os.path.join(folder, "c.png"), ramp(4095))
    cut(os.path.join(folder, "d.jpg"), jpeg_bytes(scene(48, 64)), 2)
    done = python("-m", "scrl", "pack", folder, "--out", str(tmp_path / "d.h5"),
                  "--on-truncated", "keep", "--allow-loss")
    assert done.returncode == 0
    last = done.stdout.splitlines()[-1]
    for part in ("1 turned by their EXIF orientation", "1 cut short and kept", "1 hidden left out",
                 "1 of 16 bits hold only 12, scaled by 4095"):
        assert part in last


# ------------------------------------------------------------------ what a model takes

CALLS = {
    "features": lambda model, x: model.features(x, "layer1"),
    "embed": lambda model, x: model.embed(x),
    "embed_regions": lambda model, x: model.embed_regions(x, [[0, 2, 2, 20, 20]]),
}


@pytest.fixture(scope="module")
def model():
    from conftest import small

    return scrl.Model(small())


@pytest.mark.parametrize("call", CALLS)
def test_unnormalised_pictures_are_refused(call, model, rng):
    bytes_ = rng.integers(0, 256, (2, 3, 64, 64))
    ask = CALLS[call]
    for kind in (np.uint8, np.int64, np.uint16, np.int32, bool):
        with pytest.raises(scrl.ArgumentError, match=r"scrl\.prepare"):
            ask(model, bytes_.astype(kind))
    with pytest.raises(scrl.ArgumentError, match=r"scrl\.prepare"):
        ask(model, rng.integers(0, 256, (2, 64, 64, 3), np.uint8))
    for wrong in (bytes_.astype(np.float32), -bytes_.astype(np.float64), bytes_ - 124.5,
                  np.full((1, 3, 64, 64), 31.0)):
        with pytest.raises(scrl.ArgumentError, match="scrl_image_prepare"):
            ask(model, wrong)
    with pytest.warns(UserWarning, match="0 … 1"):
        ask(model, bytes_.astype(np.float32) / 255)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ask(model, rng.standard_normal((2, 3, 64, 64)))
        ask(model, np.zeros((1, 3, 64, 64), np.float32))
        ask(model, scrl.prepare(scene(80, 90), 64)[None])


def test_a_step_refuses_unnormalised_views(rng):
    from conftest import small

    views = rng.integers(0, 256, (2, 4, 3, 64, 64))
    boxes = np.array([[k, 4, 4, 40, 40] for k in range(4)], np.float32)
    with scrl.Trainer(small()) as trainer:
        with pytest.raises(scrl.ArgumentError, match=r"scrl\.prepare"):
            trainer.step_on(*views.astype(np.uint8), boxes, boxes)
        with pytest.raises(scrl.ArgumentError, match="view1"):
            trainer.step_on(*views.astype(np.float32), boxes, boxes)
        with pytest.raises(scrl.ArgumentError, match="view2"):
            trainer.step_on(views[0] / 255 - 0.5, views[1].astype(np.float32), boxes, boxes)
        trainer.step_on(*(views / 128 - 1), boxes, boxes)
