"""Made detection problems in COCO form, the same from the same number on any machine.

Only random.Random.random() is drawn from, whose sequence Python promises. Hard on purpose: crowds,
images without objects or detections, equal scores, areas at the bounds of the ranges, duplicates,
overlaps at the thresholds, more than a hundred detections, ids in no order.
"""

import json
import random
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from scrl.coco import encode_mask, rle_counts

FIXTURE_PROBLEMS = 240
LIMITS = ((1, 2, 3), (1, 4, 25), (1, 10, 110), (5, 100, 1000))  # maxDets other than COCO's
LIMITED_PROBLEMS = range(0, FIXTURE_PROBLEMS, 3)


class Problem(NamedTuple):
    """kind is "bbox" or "segm"."""

    kind: str
    truth: Dict[str, Any]
    detections: List[Dict[str, Any]]


class _Dice:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed).random

    def number(self, low: float, high: float) -> float:
        return low + (high - low) * self.random()

    def whole(self, low: int, high: int) -> int:
        """In low … high."""
        return low + int(self.random() * (high - low + 1))

    def chance(self, share: float) -> bool:
        return self.random() < share

    def pick(self, values: Sequence[Any]) -> Any:
        return values[self.whole(0, len(values) - 1)]

    def shuffled(self, values: Sequence[Any]) -> List[Any]:
        return [value for _, _, value in sorted(
            (self.random(), place, value) for place, value in enumerate(values))]


Box = Tuple[float, float, float, float]  # x, y, width, height


def _box(dice: _Dice, width: int, height: int) -> Box:
    kind = dice.whole(0, 4)
    if kind == 0:  # at the bounds of the ranges of area
        side = dice.pick((32, 96))
        w, h = side, side
    elif kind == 1:
        w, h = dice.number(2, 30), dice.number(2, 30)
    elif kind == 2:
        w, h = dice.number(30, 95), dice.number(30, 95)
    else:
        w, h = dice.number(5, 0.8 * width), dice.number(5, 0.8 * height)
    w, h = min(w, width), min(h, height)
    x, y = dice.number(0, width - w), dice.number(0, height - h)
    step = dice.pick((0.01, 0.5, 1, 4))
    return tuple(round(round(value / step) * step, 2) for value in (x, y, max(w, step), max(h, step)))


def _jittered(dice: _Dice, box: Box) -> Box:
    """Another box that overlaps it more or less, or just the same."""
    x, y, w, h = box
    kind = dice.whole(0, 4)
    if kind == 0:
        return box
    if kind == 1:  # overlaps that are the thresholds: 0.5, 0.75, …
        share = dice.pick((0.5, 0.55, 0.6, 0.75, 0.8, 0.9, 0.95))
        return (x, y, round(w * share, 4), h)
    far = dice.pick((0.03, 0.1, 0.3))
    return (round(x + dice.number(-far, far) * w, 2), round(y + dice.number(-far, far) * h, 2),
            round(w * dice.number(1 - far, 1 + far), 2), round(h * dice.number(1 - far, 1 + far), 2))


def _drawn(box: Box, width: int, height: int, is_round: bool) -> np.ndarray:
    """(H,W) bool: the box, or the ellipse in it."""
    x, y, w, h = box
    columns, rows = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
    if is_round:
        return (2 * (columns - x) / w - 1) ** 2 + (2 * (rows - y) / h - 1) ** 2 <= 1
    return (columns >= x) & (columns < x + w) & (rows >= y) & (rows < y + h)


def _polygons(dice: _Dice, box: Box) -> List[List[float]]:
    x, y, w, h = box
    if dice.chance(0.3):  # two parts
        return [[x, y, x + w * 0.4, y, x + w * 0.4, y + h, x, y + h],
                [x + w * 0.6, y, x + w, y + h / 2, x + w * 0.6, y + h]]
    return [[round(value, 2) for value in (
        x + w * dice.number(0, 0.4), y, x + w, y + h * dice.number(0, 0.5),
        x + w * dice.number(0.5, 1), y + h, x, y + h * dice.number(0.5, 1))]]


def _score(dice: _Dice, step: float) -> float:
    return round(round(dice.random() / step) * step, 6)


def problem(number: int) -> Problem:
    dice = _Dice(number)
    kind = "segm" if number % 2 else "bbox"
    top = 160 if kind == "segm" else 500
    ids = dice.shuffled(range(1, 60))
    category_ids = ids[:dice.whole(1, 4)]
    images = [{"id": image, "file_name": f"{image}.jpg", "width": dice.whole(40, top),
               "height": dice.whole(40, top)} for image in ids[:dice.whole(1, 6)]]
    annotations: List[Dict[str, Any]] = []
    detections: List[Dict[str, Any]] = []
    crowds, step = dice.pick((0, 0.1, 0.4)), dice.pick((0.25, 0.1, 0.001))
    flood = dice.chance(0.08)  # more detections than count
    boxes_too = kind == "bbox" or dice.chance(0.3)
    boxes_only = kind == "segm" and boxes_too and dice.chance(0.4)

    def detect(image: Dict[str, Any], category: int, box: Box, is_round: bool) -> None:
        found: Dict[str, Any] = {"image_id": image["id"], "category_id": category}
        if boxes_too:
            found["bbox"] = list(box)
        if kind == "segm" and not boxes_only:
            found["segmentation"] = encode_mask(
                _drawn(box, image["width"], image["height"], is_round))
        found["score"] = _score(dice, step)
        detections.append(found)

    for image in images:
        for _ in range(0 if dice.chance(0.2) else dice.whole(1, 8)):
            box, category = _box(dice, image["width"], image["height"]), dice.pick(category_ids)
            is_crowd, is_round = dice.chance(crowds), dice.chance(0.5)
            area = box[2] * box[3]
            if dice.chance(0.5):
                area = dice.pick((1024, 9216, 1024.5, 9215.5, area * 0.7))
            note: Dict[str, Any] = {
                "image_id": image["id"], "category_id": category, "bbox": list(box),
                "area": area, "iscrowd": int(is_crowd)}
            if kind == "segm":
                mask = _drawn(box, image["width"], image["height"], is_round)
                if is_crowd or dice.chance(0.2):
                    note["segmentation"] = {"size": list(mask.shape), "counts": rle_counts(mask)}
                elif dice.chance(0.5):
                    note["segmentation"] = encode_mask(mask)
                else:
                    note["segmentation"] = _polygons(dice, box)
            annotations.append(note)
            for _ in range(dice.pick((0, 1, 1, 1, 2, 4))):
                named = category if dice.chance(0.85) else dice.pick(category_ids)
                detect(image, named, _jittered(dice, box), is_round)
        for _ in range(dice.whole(0, 4) if dice.chance(0.8) else 0):
            detect(image, dice.pick(category_ids),
                   _box(dice, image["width"], image["height"]), dice.chance(0.5))
        if flood:
            box = _box(dice, image["width"], image["height"])
            for _ in range(dice.whole(101, 140)):
                detect(image, category_ids[0], _jittered(dice, box), False)
    if not detections:  # pycocotools does not take an empty list
        detect(images[0], category_ids[0], (1.0, 1.0, 20.0, 20.0), False)
    for place, note in zip(dice.shuffled(range(1, len(annotations) + 1)), annotations):
        note["id"] = place
    truth = {"images": images, "annotations": dice.shuffled(annotations),
             "categories": [{"id": each, "name": f"class {each}"} for each in category_ids]}
    return Problem(kind, truth, dice.shuffled(detections))


def pycocotools_figures(one: Problem, limits: Sequence[int] = (1, 10, 100)) -> Optional[Any]:
    """What COCOeval says: the evaluation, after summarize(); limits are its params.maxDets."""
    import contextlib
    import io

    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    copied = json.loads(json.dumps(one.truth))  # it writes into what it is given
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = copied
        truth.createIndex()
        found = truth.loadRes(json.loads(json.dumps(one.detections)))
        made = COCOeval(truth, found, one.kind)
        made.params.maxDets = list(limits)
        made.evaluate()
        made.accumulate()
        made.summarize()
    return made


def class_figures(made: Any) -> np.ndarray:
    """(K,12): each class's figures from COCOeval's arrays, classes by id."""
    return np.array([_figures(made, slice(k, k + 1)) for k in range(made.eval["precision"].shape[2])])


def all_figures(made: Any) -> np.ndarray:
    """(12): the figures from COCOeval's arrays. Its own summary looks for AP with 100 detections, and
    says −1 where params.maxDets has another largest limit."""
    return np.array(_figures(made, slice(None)))


def _figures(made: Any, classes: slice) -> List[float]:
    precision, recall = made.eval["precision"][:, :, classes], made.eval["recall"][:, classes]

    def mean(values: np.ndarray) -> float:
        values = values[values > -1]
        return float(values.mean()) if values.size else -1.0

    return (
        [mean(precision[:, :, :, 0, 2]), mean(precision[0, :, :, 0, 2]),
         mean(precision[5, :, :, 0, 2])]
        + [mean(precision[:, :, :, a, 2]) for a in (1, 2, 3)]
        + [mean(recall[:, :, 0, m]) for m in (0, 1, 2)]
        + [mean(recall[:, :, a, 2]) for a in (1, 2, 3)])
