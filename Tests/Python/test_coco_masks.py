"""The Python run lengths are pycocotools', on the masks of the fixture."""

import numpy as np
import pytest

from conftest import REPOSITORY

from scrl import FormatError, ShapeError, coco

LINES = (REPOSITORY / "Tests" / "Fixtures" / "coco" / "masks.txt").read_text().splitlines()


def test_masks_are_pycocotools_both_ways():
    for line in LINES:
        size, packed, text = line.split("|")[:3]
        height, width = map(int, size.split())
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(packed), np.uint8), count=height * width)
        mask = bits.reshape(height, width).astype(bool)
        assert coco.encode_mask(mask) == {"size": [height, width], "counts": text}
        rle = {"size": [height, width], "counts": text}
        assert (coco.decode_mask(rle) == mask).all()
        rle["counts"] = coco.rle_counts(mask)
        assert (coco.decode_mask(rle) == mask).all()


@pytest.mark.parametrize("rle", [
    {"size": [2, 3], "counts": "5"},                    # of another size
    {"size": [2, 3], "counts": "O"}, {"size": [2, 3], "counts": "é"},
    {"size": [2, 3], "counts": "o" * 30}, {"size": [2, 3], "counts": b"\xff"},
    {"size": [2, 3], "counts": [7, -1]}, {"size": [2, 3], "counts": [6.0]},
    {"size": [2, 3], "counts": 6}, {"size": [2, 3]}, {"size": [2], "counts": [6]},
    {"size": [-2, -3], "counts": [6]}, {"size": [10 ** 9, 10 ** 9], "counts": [5]},
    {"counts": [6]}, {}, None, "52203",
])
def test_what_is_no_mask_is_refused(rle):
    with pytest.raises(FormatError):
        coco.decode_mask(rle)


def test_masks_are_encoded_from_anything_with_rows():
    assert coco.encode_mask([[0, 1], [0, 0]]) == coco.encode_mask(np.array([[0, 2], [0, 0]]))
    with pytest.raises(ShapeError):
        coco.encode_mask([1, 0])
