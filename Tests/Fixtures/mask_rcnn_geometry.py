"""Boxes and masks of Mask R-CNN by Detectron2's definitions, written for make_mask_rcnn.py from
those definitions with torch and torchvision.ops; no code is shared with the library.

Letters: K boxes x0,y0,x1,y1 in pixels (edges, not centres), G ground-truth boxes, H×W cells.

Every comparison that could fall the other way after rounding goes through `Decisions`, which
keeps how far each one was from its threshold.
"""

import math

import torch
from torchvision.ops import batched_nms, box_iou, roi_align

SCALE_CLAMP = math.log(1000.0 / 16)


class Decisions:
    """name → signed distances from the threshold, in the order in which they were met."""

    def __init__(self):
        self.distances: dict[str, list[torch.Tensor]] = {}
        self.outcomes: list[list[int]] = []  # what was chosen, in order

    def chosen(self, index: torch.Tensor) -> None:
        self.outcomes.append(index.tolist())

    def note(self, name: str, distance: torch.Tensor) -> None:
        self.distances.setdefault(name, []).append(distance.detach().reshape(-1))

    def whole(self, name: str, value: torch.Tensor) -> None:
        """Distances from the next whole number, for what is rounded up or down."""
        self.note(name, value - value.round())

    def gaps(self, name: str, descending: torch.Tensor) -> None:
        self.note(name, descending[:-1] - descending[1:])

    def joined(self) -> dict[str, torch.Tensor]:
        return {name: torch.cat(parts) for name, parts in self.distances.items()}


def anchors_of_level(size: float, ratios, stride: int, height: int, width: int, dtype):
    """(H·W·A, 4): row by row, in each cell one anchor a ratio = height / width, around the cell's
    upper left corner (offset 0)."""
    cells = []
    for ratio in ratios:
        w = math.sqrt(size * size / ratio)
        h = w * ratio
        cells.append([-w / 2, -h / 2, w / 2, h / 2])
    y, x = torch.meshgrid(
        torch.arange(height, dtype=dtype) * stride,
        torch.arange(width, dtype=dtype) * stride,
        indexing="ij",
    )
    corners = torch.stack([x, y, x, y], dim=-1)
    return (corners[:, :, None, :] + torch.tensor(cells, dtype=dtype)).reshape(-1, 4)


def encode(source, target, weights):
    """The deltas that lead from `source` to `target`, (K,4)."""
    size, goal = source[:, 2:] - source[:, :2], target[:, 2:] - target[:, :2]
    shift = (target[:, :2] + goal / 2) - (source[:, :2] + size / 2)
    return torch.cat([shift / size, (goal / size).log()], dim=1) * source.new_tensor(weights)


def decode(source, deltas, weights):
    """`source` (K,4) moved by `deltas` (K,…,4)."""
    size = source[:, 2:] - source[:, :2]
    centre = source[:, :2] + size / 2
    for _ in range(deltas.dim() - 2):
        size, centre = size[:, None], centre[:, None]
    deltas = deltas / source.new_tensor(weights)
    middle = centre + deltas[..., :2] * size
    half = deltas[..., 2:].clamp(max=SCALE_CLAMP).exp() * size / 2
    return torch.cat([middle - half, middle + half], dim=-1)


def clip(boxes, size):
    height, width = size
    limit = boxes.new_tensor([width, height, width, height])
    return torch.minimum(boxes.clamp(min=0), limit)


def has_area(boxes, size, decisions: Decisions, name: str):
    """Which boxes, once clipped, have both sides larger than zero."""
    inner = torch.minimum(boxes[:, 2:], boxes.new_tensor([size[1], size[0]])) - boxes[
        :, :2
    ].clamp(min=0)
    distance = inner.min(dim=1).values
    decisions.note(name, distance)
    return distance > 0


def match(truth, boxes, thresholds, labels, low_quality: bool, decisions: Decisions, name: str):
    """(index of the best ground truth, label) of every box. With `low_quality`, the boxes that
    overlap a ground truth most are positive whatever that overlap is; their index stays."""
    if len(truth) == 0:
        return torch.zeros(len(boxes), dtype=torch.int64), torch.full((len(boxes),), labels[0])
    iou = box_iou(truth, boxes)
    best, index = iou.max(dim=0)
    label = torch.full((len(boxes),), labels[-1])
    for threshold, below in reversed(list(zip(thresholds, labels))):
        label[best < threshold] = below
        decisions.note(f"{name} IoU", best - threshold)
    if low_quality:
        ordered = iou.sort(dim=1, descending=True).values
        decisions.gaps(f"{name} best of a truth", ordered[:, :2].T)
        assert bool((ordered[:, 0] > 0).all())
        label[(iou == ordered[:, :1]).any(dim=0)] = 1
    if len(truth) > 1:
        two = iou.sort(dim=0, descending=True).values[:2]
        decisions.gaps(f"{name} best truth", two[:, label == 1])
    decisions.chosen(label)
    return index, label


def suppress(boxes, scores, groups, threshold: float, limit: int, decisions: Decisions, name: str):
    """Greedy NMS within each group: the kept boxes, best first, at most `limit`."""
    keep = batched_nms(boxes, scores, groups, threshold)
    decisions.gaps(f"{name} order", scores[keep][: limit + 1])
    decisions.chosen(keep[: limit + 1])
    for k in keep.tolist():
        rivals = (groups == groups[k]) & (scores < scores[k])
        decisions.note(f"{name} IoU", box_iou(boxes[k : k + 1], boxes[rivals])[0] - threshold)
    rivals = (box_iou(boxes, boxes) > threshold - 0.05) & (groups[:, None] == groups)
    rivals &= scores[:, None] > scores
    decisions.note(f"{name} rivals", (scores[:, None] - scores)[rivals])
    return keep[:limit]


def level_of(boxes, canonical_size, canonical_level, lowest, highest, decisions: Decisions):
    """The pyramid's level that a box is pooled from (FPN, equation 1)."""
    side = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sqrt()
    level = canonical_level + torch.log2(side / canonical_size)
    inside = (level > lowest - 0.5) & (level < highest + 0.5)
    decisions.whole("level", level[inside])
    return level.floor().clamp(lowest, highest).long()


def note_samples(boxes, scale, cells: int, decisions: Decisions, name: str) -> None:
    """RoIAlign with sampling ratio 0 takes ⌈side / cells⌉² samples a cell."""
    sides = (boxes[:, 2:] - boxes[:, :2]) * scale / cells
    decisions.whole(name, sides[sides > 0.5])


def crop_masks(masks, boxes, size: int, decisions: Decisions):
    """(K, size, size) 0/1: each mask (H,W) within its box, RoIAlign at scale 1, half and more."""
    result = []
    for mask, box in zip(masks, boxes):
        value = roi_align(
            mask[None, None], [box[None]], size, spatial_scale=1.0, sampling_ratio=0, aligned=True
        )[0, 0]
        # A window that lies in one colour is 0 or 1 up to rounding; only mixed ones are close.
        decisions.note("mask target", value - 0.5)
        result.append(value >= 0.5)
    note_samples(boxes, 1.0, size, decisions, "mask target samples")
    return torch.stack(result).to(boxes.dtype)


def paste(probability, box, height: int, width: int):
    """(height, width) probabilities of a mask (M,M) stretched over its box: bilinear between the
    centres of its cells, zero beyond; 0 outside."""
    side = probability.shape[0]
    y = torch.arange(height, dtype=box.dtype) + 0.5
    x = torch.arange(width, dtype=box.dtype) + 0.5

    def weights(position, low, high):
        centre = (position - low) / (high - low) * side - 0.5
        cells = torch.arange(side, dtype=box.dtype)
        return (1 - (centre[:, None] - cells).abs()).clamp(min=0)  # (pixels, M)

    return weights(y, box[1], box[3]) @ probability @ weights(x, box[0], box[2]).T
