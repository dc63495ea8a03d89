"""Makes coco/masks.txt and coco/polygons.txt: what pycocotools makes of masks and polygons.

    python Tests/Fixtures/make_coco_masks.py      (needs numpy and pycocotools)

One case a line, fields separated by "|".
masks.txt     H W | rows as hex | compressed text | area | bounds x y w h | union, intersection and
              both overlaps (plain, crowd) with the line before, "-" where its size is another
polygons.txt  H W | numbers of each part, parts separated by ";" | compressed text
"""

from pathlib import Path
from typing import List

import numpy as np
from pycocotools import mask as api

TARGET = Path(__file__).resolve().parent / "coco"


def random_mask(rng: np.random.Generator, height: int, width: int, kind: int) -> np.ndarray:
    if kind == 0:  # blobs: a smoothed noise above a level
        field = rng.random((height, width))
        for _ in range(3):
            field = (field + np.roll(field, 1, 0) + np.roll(field, 1, 1)) / 3
        return field > np.quantile(field, rng.random())
    if kind == 1:  # noise
        return rng.random((height, width)) < rng.random()
    mask = np.zeros((height, width), bool)  # a rectangle, perhaps nothing, perhaps all
    y, x = np.sort(rng.integers(0, height + 1, 2)), np.sort(rng.integers(0, width + 1, 2))
    mask[y[0]:y[1], x[0]:x[1]] = True
    return mask if kind == 2 else ~mask


def encoded(mask: np.ndarray) -> dict:
    return api.encode(np.asfortranarray(mask.astype(np.uint8)))


def mask_lines(rng: np.random.Generator) -> List[str]:
    lines, before = [], None
    for case in range(160):
        if case % 4 == 0:
            height, width = (int(each) for each in rng.integers(1, 24, 2))
        mask = random_mask(rng, height, width, int(rng.integers(4)))
        if case == 5:
            mask[:] = False
        if case == 6:
            mask[:] = True
        rle = encoded(mask)
        fields = [f"{height} {width}", np.packbits(mask.ravel()).tobytes().hex(),
                  rle["counts"].decode(), str(int(api.area(rle))),
                  " ".join(str(int(each)) for each in api.toBbox(rle))]
        if case % 4:
            pair = [rle, before]
            fields += [api.merge(pair)["counts"].decode(), api.merge(pair, 1)["counts"].decode(),
                       repr(float(api.iou([rle], [before], [0])[0, 0])),
                       repr(float(api.iou([rle], [before], [1])[0, 0]))]
        else:
            fields += ["-"] * 4
        lines.append("|".join(fields))
        before = rle
    return lines


def polygon(rng: np.random.Generator, height: int, width: int, kind: int) -> List[float]:
    corners = int(rng.integers(3, 14))
    if kind == 0:  # round a centre, as annotators draw
        angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
        radius = rng.uniform(0.05, 0.7, corners)
        xy = np.stack([width * (0.5 + radius * np.cos(angles)),
                       height * (0.5 + radius * np.sin(angles))], 1)
    elif kind == 1:  # anything, crossing itself, also outside
        xy = rng.uniform(-0.4, 1.4, (corners, 2)) * [width, height]
    elif kind == 2:  # whole and half pixels: ties everywhere
        xy = np.round(rng.uniform(-0.1, 1.1, (corners, 2)) * [width, height] * 2) / 2
    elif kind == 3:  # tenths, where five times a coordinate is a half
        xy = np.round(rng.uniform(-0.1, 1.1, (corners, 2)) * [width, height] * 10) / 10
    else:  # tiny
        xy = rng.uniform(0, 1, 2) * [width, height] + rng.uniform(-1.5, 1.5, (corners, 2))
    if rng.random() < 0.25:  # a corner twice, or closed at the end
        xy = np.concatenate([xy, xy[:1]]) if rng.random() < 0.5 else np.repeat(xy, 2, 0)
    return np.round(xy, int(rng.integers(0, 5))).ravel().tolist()


def polygon_lines(rng: np.random.Generator) -> List[str]:
    lines = []
    for case in range(400):
        top = (12, 40, 90, 400)[case % 4]
        height, width = (int(each) for each in rng.integers(1, top, 2))
        parts = [polygon(rng, height, width, int(rng.integers(5)))
                 for _ in range(1 if case % 3 else int(rng.integers(2, 5)))]
        whole = api.merge(api.frPyObjects(parts, height, width))
        numbers = ";".join(" ".join(repr(each) for each in part) for part in parts)
        lines.append(f"{height} {width}|{numbers}|{whole['counts'].decode()}")
    return lines


def main() -> None:
    TARGET.mkdir(exist_ok=True)
    rng = np.random.default_rng(11)
    for name, lines in (("masks", mask_lines(rng)), ("polygons", polygon_lines(rng))):
        path = TARGET / f"{name}.txt"
        path.write_text("\n".join(lines) + "\n")
        print(path.name, len(lines), "cases,", path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
