"""The Python run lengths are pycocotools', on the masks of the fixture."""

import numpy as np
import pytest

from conftest import REPOSITORY

from scrl import FormatError, coco

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


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(FormatError):
        coco.decode_mask({"size": [2, 3], "counts": "5"})
