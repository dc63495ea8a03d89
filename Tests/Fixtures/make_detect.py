"""Makes detect/*.npy: a detector's geometry as torchvision and PyTorch compute it.

    python Tests/Fixtures/make_detect.py      (needs numpy, PyTorch and torchvision)

What torchvision does otherwise than Detectron2 (it rounds anchors, resizes masks in another way) is
written here from the definitions, in float32 PyTorch operations.
"""

import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from torchvision.models.detection._utils import BoxCoder, Matcher
from torchvision.ops import batched_nms, box_iou, nms, roi_align

OUT = pathlib.Path(__file__).resolve().parent / "detect"
SIDE = 28


def save(name, value):
    array = torch.as_tensor(value).detach().numpy()
    kinds = {"i": np.int16, "b": np.uint8, "u": np.uint8, "f": np.float32}
    np.save(OUT / f"{name}.npy", np.ascontiguousarray(array.astype(kinds[array.dtype.kind])))


def boxes(count, height, width, largest):
    """Boxes that overlap each other often, some reaching out of the picture."""
    centre = torch.rand(count, 2) * torch.tensor([width, height])
    extent = torch.rand(count, 2) * largest + 2
    return torch.cat([centre - extent / 2, centre + extent / 2], 1)


def anchors():
    """Two levels: cell anchors of √area = size and height / width = ratio, moved by the stride."""
    for name, size, stride, height, width in (("fine", 32, 4, 5, 7), ("coarse", 512, 64, 2, 3)):
        rows = []
        for y in range(height):
            for x in range(width):
                for ratio in (0.5, 1.0, 2.0):
                    w = (size**2 / ratio) ** 0.5
                    h = w * ratio
                    corner = torch.tensor([-w / 2, -h / 2, w / 2, h / 2])
                    rows.append(corner + torch.tensor([x, y, x, y], dtype=torch.float32) * stride)
        save(f"anchors_{name}", torch.stack(rows))


def deltas():
    source, target = boxes(40, 60, 80, 50), boxes(40, 60, 80, 50)
    moves = torch.randn(40, 4) * 2
    moves[0, 2], moves[1, 3] = 30.0, 90.0  # beyond the clamp
    save("deltas_source", source)
    save("deltas_target", target)
    save("deltas_moves", moves)
    for name, weights in (("unit", (1.0, 1.0, 1.0, 1.0)), ("heads", (10.0, 10.0, 5.0, 5.0))):
        coder = BoxCoder(weights)
        save(f"deltas_encoded_{name}", coder.encode_single(target, source))
        save(f"deltas_decoded_{name}", coder.decode_single(moves, source))


def matches():
    """−2 between the thresholds, −1 background, else the ground truth's index."""
    truths = boxes(7, 60, 80, 40)
    truths[6] = truths[5]  # ties between ground truths
    candidates = torch.cat([boxes(150, 60, 80, 40), truths[:2], truths[2:3] + 3, truths[2:3] - 3])
    candidates[20:23] = candidates[19]  # and between boxes
    save("match_truths", truths)
    save("match_boxes", candidates)
    overlaps = box_iou(truths, candidates)
    save("match_overlaps", overlaps)
    save("match_anchors", Matcher(0.7, 0.3, True)(overlaps))
    save("match_regions", Matcher(0.5, 0.5, False)(overlaps))


def suppression():
    found = boxes(200, 60, 80, 40)
    scores = (torch.rand(200) * 40).round() / 40  # many ties
    groups = torch.randint(0, 4, (200,))
    save("nms_boxes", found)
    save("nms_scores", scores)
    save("nms_groups", groups)
    for threshold in (30, 50, 70):
        kept = nms(found, scores, threshold / 100)
        save(f"nms_{threshold}", kept)
        apart = torch.zeros(200, dtype=torch.bool)
        for group in range(4):
            members = torch.where(groups == group)[0]
            apart[members[nms(found[members], scores[members], threshold / 100)]] = True
        assert set(torch.where(apart)[0].tolist()) == set(
            batched_nms(found, scores, groups, threshold / 100).tolist())
        order = scores.sort(descending=True, stable=True)[1]
        save(f"nms_grouped_{threshold}", order[apart[order]])


def proposals():
    """Two levels of one picture of 60×75 pixels: (A,H,W) scores, (4A,H,W) deltas."""
    coder = BoxCoder((1.0, 1.0, 1.0, 1.0))
    height, width, top, after = 60, 75, 50, 30
    found, scores, levels = [], [], []
    for level, (name, size, stride, h, w) in enumerate((("a", 24, 8, 8, 10), ("b", 48, 16, 4, 5))):
        objectness, moves = torch.randn(3, h, w), torch.randn(12, h, w) * 0.4
        moves[0, 0, 0], moves[2, 0, 1] = -9.0, 60.0  # outside and empty, huge
        save(f"proposals_objectness_{name}", objectness)
        save(f"proposals_deltas_{name}", moves)
        y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        shift = torch.stack([x, y, x, y], -1).reshape(-1, 1, 4) * stride
        ratio = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
        half = torch.stack([(size**2 / ratio).sqrt(), (size**2 / ratio).sqrt() * ratio], 1) / 2
        anchor = (shift + torch.cat([-half, half], 1).float()).reshape(-1, 4)
        flat = objectness.permute(1, 2, 0).reshape(-1)
        best = flat.topk(min(top, len(flat)))
        move = moves.reshape(3, 4, h, w).permute(2, 3, 0, 1).reshape(-1, 4)[best.indices]
        box = coder.decode_single(move, anchor[best.indices])
        box[:, 0::2] = box[:, 0::2].clamp(0, width)
        box[:, 1::2] = box[:, 1::2].clamp(0, height)
        full = (box[:, 2] > box[:, 0]) & (box[:, 3] > box[:, 1])
        found.append(box[full])
        scores.append(best.values[full])
        levels.append(torch.full((int(full.sum()),), level))
    found, scores, levels = torch.cat(found), torch.cat(scores), torch.cat(levels)
    assert len(found) < 2 * top  # the empty one is gone
    save("proposals_boxes", found[batched_nms(found, scores, levels, 0.7)[:after]])


def level_of_boxes():
    side = torch.tensor([1e-3, 1, 20, 111.9, 112, 200, 223.9, 224, 447.9, 448, 500, 896, 5000])
    found = torch.stack([side * 0 + 3, side * 0 + 5, 3 + side / 2, 5 + side * 2], 1)
    area = (found[:, 2] - found[:, 0]) * (found[:, 3] - found[:, 1])
    level = torch.floor(4 + torch.log2(area.sqrt() / 224 + 1e-8)).clamp(2, 5)
    save("level_boxes", found)
    save("level_of", level.to(torch.int64))


def masks():
    """Three shapes of 40×52 and boxes in, around and beyond them, at whole and broken places."""
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(52.0), indexing="ij")
    shapes = torch.stack([
        (x - 25) ** 2 / 300 + (y - 18) ** 2 / 150 < 1, (x + y).remainder(9) < 4,
        (x > 10) & (x < 40) & (y > 5) & (y < 30)])
    where = torch.tensor([
        [10, 5, 40, 30], [0, 0, 52, 40], [10.5, 5.5, 39.5, 29.5], [3.3, 2.7, 31.1, 39.9],
        [20, 10, 21.5, 11], [40.2, 30.1, 52, 40], [0, 0, 14, 14], [11, 6, 39, 34]])
    save("mask_shapes", shapes)
    save("mask_boxes", where)
    for index in range(3):
        rois = torch.cat([torch.full((len(where), 1), float(index)), where], 1)
        means = roi_align(shapes[:, None].float(), rois, SIDE, 1.0, 0, aligned=True)[:, 0]
        save(f"mask_targets_{index}", means >= 0.5)


def pasting():
    """Probabilities at boxes of a picture of 48×64 pixels."""
    height, width = 48, 64
    where = torch.tensor([
        [10, 5, 40, 30], [0, 0, 64, 48], [10.3, 5.7, 38.9, 33.3], [50.5, 20.25, 64, 47.1],
        [20.2, 10.1, 21.5, 11.4], [0, 40.3, 7.7, 48]])
    smooth = F.interpolate(torch.rand(6, 1, 5, 5), SIDE, mode="bicubic").clamp(0, 1)
    smooth[1, 0] = (torch.rand(SIDE, SIDE) > 0.5).float()
    pasted = []
    for mask, (x0, y0, x1, y1) in zip(smooth, where):
        x = (torch.arange(width) + 0.5 - x0) / (x1 - x0) * 2 - 1
        y = (torch.arange(height) + 0.5 - y0) / (y1 - y0) * 2 - 1
        grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]
        value = F.grid_sample(mask[None], grid, align_corners=False)[0, 0]
        pasted.append(value >= 0.5)
    save("paste_cells", smooth[:, 0])
    save("paste_boxes", where)
    save("paste_pictures", torch.stack(pasted))


def main():
    torch.manual_seed(0)
    OUT.mkdir(exist_ok=True)
    for section in (anchors, deltas, matches, suppression, proposals, level_of_boxes, masks,
                    pasting):
        section()


if __name__ == "__main__":
    main()
