"""Mask R-CNN with a feature pyramid in PyTorch by Detectron2's definitions (mask_rcnn_R_50_FPN),
for make_mask_rcnn.py. Modules bear the names of the library's weights.

Letters: N images, C channels, H×W cells, K boxes, A anchors a cell, M mask cells a side.
"""

import dataclasses

import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torchvision.ops import roi_align

from mask_rcnn_geometry import (
    Decisions,
    anchors_of_level,
    clip,
    crop_masks,
    decode,
    encode,
    has_area,
    level_of,
    match,
    note_samples,
    paste,
    suppress,
)

RPN_WEIGHTS = (1.0, 1.0, 1.0, 1.0)
BOX_WEIGHTS = (10.0, 10.0, 5.0, 5.0)


@dataclasses.dataclass(frozen=True)
class Options:
    """Small where Detectron2's are large; limits of samples beyond the counts, so that nothing
    is drawn."""

    classes: int = 3
    fpn_channels: int = 32
    fc_width: int = 64
    mask_channels: int = 16
    anchor_sizes: tuple = (16, 32, 64, 96, 128)
    ratios: tuple = (0.5, 1.0, 2.0)
    rpn_batch: int = 4096
    before_nms: int = 32
    after_nms: int = 48
    roi_batch: int = 512
    canonical_size: int = 44
    canonical_level: int = 4
    box_cells: int = 7
    mask_cells: int = 14
    score: float = 0.05
    detections: int = 16


def pool(levels, boxes_of_image, cells, options, decisions):
    """(K,C,cells,cells) and the levels: boxes of all images, in order."""
    boxes = torch.cat(boxes_of_image)
    image = torch.cat([torch.full((len(b), 1), float(i)) for i, b in enumerate(boxes_of_image)])
    level = level_of(boxes, options.canonical_size, options.canonical_level, 2, 5, decisions)
    rois = torch.cat([image.to(boxes.dtype), boxes], dim=1)
    result = boxes.new_zeros(len(boxes), levels[0].shape[1], cells, cells)
    for i, feature in enumerate(levels):
        chosen = level == i + 2
        scale = 1 / 2 ** (i + 2)
        note_samples(boxes[chosen], scale, cells, decisions, "samples")
        part = roi_align(feature, rois[chosen], cells, scale, 0, aligned=True)
        result = result.index_put((chosen.nonzero()[:, 0],), part)
    return result, level


class Pyramid(nn.Module):
    def __init__(self, inputs, width):
        super().__init__()
        for level, channels in zip(range(2, 6), inputs):
            setattr(self, f"lateral{level}", nn.Conv2d(channels, width, 1))
            setattr(self, f"output{level}", nn.Conv2d(width, width, 3, padding=1))

    def forward(self, stages):
        sums = {5: self.lateral5(stages[3])}
        for level in (4, 3, 2):
            above = F.interpolate(sums[level + 1], scale_factor=2, mode="nearest")
            sums[level] = getattr(self, f"lateral{level}")(stages[level - 2]) + above
        maps = [getattr(self, f"output{level}")(sums[level]) for level in range(2, 6)]
        return maps + [maps[3][:, :, ::2, ::2]]


class Proposer(nn.Module):
    def __init__(self, width, anchors):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.objectness = nn.Conv2d(width, anchors, 1)
        self.deltas = nn.Conv2d(width, anchors * 4, 1)

    def forward(self, maps):
        """A level: logits (N, H·W·A) and deltas (N, H·W·A, 4)."""
        result = []
        for x in maps:
            x = F.relu(self.conv(x))
            deltas = self.deltas(x).unflatten(1, (-1, 4)).permute(0, 3, 4, 1, 2)
            logits = self.objectness(x).permute(0, 2, 3, 1)
            result.append((logits.flatten(1), deltas.flatten(1, 3)))
        return result


class MaskHead(nn.Module):
    def __init__(self, inputs, width, classes):
        super().__init__()
        for i in range(4):
            before = inputs if i == 0 else width
            setattr(self, f"conv{i + 1}", nn.Conv2d(before, width, 3, padding=1))
        self.upsample = nn.ConvTranspose2d(width, width, 2, stride=2)
        self.predictor = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        for i in range(4):
            x = F.relu(getattr(self, f"conv{i + 1}")(x))
        return self.predictor(F.relu(self.upsample(x)))


class MaskRCNN(nn.Module):
    def __init__(self, options: Options):
        super().__init__()
        self.options = options
        self.encoder = torchvision.models.resnet18(weights=None)
        self.encoder.fc = nn.Identity()
        self.fpn = Pyramid((64, 128, 256, 512), options.fpn_channels)
        self.rpn = Proposer(options.fpn_channels, len(options.ratios))
        self.box_head = nn.Module()
        flat = options.fpn_channels * options.box_cells**2
        self.box_head.fc1 = nn.Linear(flat, options.fc_width)
        self.box_head.fc2 = nn.Linear(options.fc_width, options.fc_width)
        self.box_predictor = nn.Module()
        self.box_predictor.scores = nn.Linear(options.fc_width, options.classes + 1)
        self.box_predictor.deltas = nn.Linear(options.fc_width, options.classes * 4)
        self.mask_head = MaskHead(options.fpn_channels, options.mask_channels, options.classes)

    def maps(self, images):
        e = self.encoder
        x = e.maxpool(F.relu(e.bn1(e.conv1(images))))
        stages = []
        for stage in (e.layer1, e.layer2, e.layer3, e.layer4):
            x = stage(x)
            stages.append(x)
        return self.fpn(stages)

    def anchors(self, maps):
        return [
            anchors_of_level(size, self.options.ratios, 4 * 2**i, x.shape[2], x.shape[3], x.dtype)
            for i, (size, x) in enumerate(zip(self.options.anchor_sizes, maps))
        ]

    @torch.no_grad()
    def proposals(self, anchors, predictions, sizes, decisions: Decisions):
        """Per image: boxes (K,4) and logits (K), best first."""
        result = []
        for n, size in enumerate(sizes):
            boxes, scores, levels = [], [], []
            for level, (anchor, (logits, deltas)) in enumerate(zip(anchors, predictions)):
                count = min(self.options.before_nms, logits.shape[1])
                ordered, index = logits[n].sort(descending=True)
                decisions.gaps("before NMS", ordered[count - 1 : count + 1])
                index = index[:count]
                decisions.chosen(index)
                boxes.append(decode(anchor[index], deltas[n][index], RPN_WEIGHTS))
                scores.append(ordered[:count])
                levels.append(torch.full((count,), level))
            boxes, scores, levels = torch.cat(boxes), torch.cat(scores), torch.cat(levels)
            keep = has_area(boxes, size, decisions, "proposal's sides")
            boxes, scores, levels = clip(boxes, size)[keep], scores[keep], levels[keep]
            keep = suppress(
                boxes, scores, levels, 0.7, self.options.after_nms, decisions, "RPN NMS"
            )
            result.append((boxes[keep], scores[keep]))
        return result

    def rpn_losses(self, anchors, predictions, truths, decisions: Decisions, seen):
        boxes = torch.cat(anchors)
        logits = torch.cat([p[0] for p in predictions], dim=1)
        deltas = torch.cat([p[1] for p in predictions], dim=1)
        objectness = box = 0.0
        for n, truth in enumerate(truths):
            index, label = match(
                truth["boxes"], boxes, (0.3, 0.7), (0, -1, 1), True, decisions, "anchor"
            )
            positive = label == 1
            assert positive.sum() <= self.options.rpn_batch // 2
            assert (label >= 0).sum() <= self.options.rpn_batch
            seen[f"anchors{n}"] = (positive.nonzero()[:, 0], index[positive], (label == 0).sum())
            target = encode(boxes[positive], truth["boxes"][index[positive]], RPN_WEIGHTS)
            distance = deltas[n][positive] - target
            decisions.note("RPN L1", distance)
            box = box + distance.abs().sum()
            objectness = objectness + F.binary_cross_entropy_with_logits(
                logits[n][label >= 0], positive[label >= 0].to(logits.dtype), reduction="sum"
            )
        divisor = self.options.rpn_batch * len(truths)
        return objectness / divisor, box / divisor

    def sample(self, proposals, truths, decisions: Decisions, seen):
        """All proposals and ground-truth boxes with their matches; nothing is left out."""
        regions = []
        for n, ((boxes, _), truth) in enumerate(zip(proposals, truths)):
            boxes = torch.cat([boxes, truth["boxes"]])
            index, label = match(truth["boxes"], boxes, (0.5,), (0, 1), False, decisions, "region")
            classes = torch.where(label == 1, truth["labels"][index], self.options.classes)
            assert len(boxes) <= self.options.roi_batch
            assert (label == 1).sum() <= self.options.roi_batch // 4
            seen[f"regions{n}"] = (boxes, classes, index)
            regions.append((boxes, classes, index))
        return regions

    def box_outputs(self, maps, boxes_of_image, decisions: Decisions):
        x, level = pool(maps[:4], boxes_of_image, self.options.box_cells, self.options, decisions)
        x = F.relu(self.box_head.fc1(x.flatten(1)))
        x = F.relu(self.box_head.fc2(x))
        deltas = self.box_predictor.deltas(x).unflatten(1, (-1, 4))
        return self.box_predictor.scores(x), deltas, level

    def losses(self, images, sizes, truths, decisions: Decisions):
        """The five losses by name, and what was seen on the way."""
        o, seen = self.options, {}
        maps = self.maps(images)
        anchors, predictions = self.anchors(maps), self.rpn(maps)
        objectness, rpn_box = self.rpn_losses(anchors, predictions, truths, decisions, seen)
        proposals = self.proposals(anchors, predictions, sizes, decisions)
        regions = self.sample(proposals, truths, decisions, seen)
        scores, deltas, level = self.box_outputs(maps, [r[0] for r in regions], decisions)
        classes = torch.cat([r[1] for r in regions])
        goal = torch.cat([t["boxes"][r[2]] for r, t in zip(regions, truths)])
        positive = (classes < o.classes).nonzero()[:, 0]
        target = encode(torch.cat([r[0] for r in regions])[positive], goal[positive], BOX_WEIGHTS)
        distance = deltas[positive, classes[positive]] - target
        decisions.note("box L1", distance)

        chosen = [r[1] < o.classes for r in regions]
        boxes = [r[0][c] for r, c in zip(regions, chosen)]
        x, _ = pool(maps[:4], boxes, o.mask_cells, o, decisions)
        logits = self.mask_head(x)
        masks = [
            truth["masks"][k]
            for (_, _, index), positives, truth in zip(regions, chosen, truths)
            for k in index[positives].tolist()
        ]
        targets = crop_masks(masks, torch.cat(boxes), 2 * o.mask_cells, decisions)
        own = logits[torch.arange(len(logits)), classes[positive]]
        seen.update(maps=maps, predictions=predictions, proposals=proposals, level=level,
                    scores=scores, mask_targets=targets, mask_logits=own)
        return {
            "rpn_objectness": objectness,
            "rpn_box": rpn_box,
            "classification": F.cross_entropy(scores, classes),
            "box": distance.abs().sum() / len(classes),
            "mask": F.binary_cross_entropy_with_logits(own, targets),
        }, seen

    @torch.no_grad()
    def detect(self, image, size, original, decisions: Decisions):
        """One image: boxes in pixels of the original, labels, scores, and probabilities of every
        pixel of the original to be in the mask."""
        o = self.options
        maps = self.maps(image)
        ((boxes, _),) = self.proposals(self.anchors(maps), self.rpn(maps), [size], decisions)
        scores, deltas, _ = self.box_outputs(maps, [boxes], decisions)
        scores = scores.softmax(dim=1)[:, :-1]
        candidates = clip(decode(boxes, deltas, BOX_WEIGHTS).reshape(-1, 4), size)
        decisions.note("score", scores - o.score)
        row, label = (scores > o.score).nonzero(as_tuple=True)
        boxes, scores = candidates.reshape(*scores.shape, 4)[row, label], scores[row, label]
        keep = suppress(boxes, scores, label, 0.5, o.detections, decisions, "detection NMS")
        boxes, scores, label = boxes[keep], scores[keep], label[keep]
        x, _ = pool(maps[:4], [boxes], o.mask_cells, o, decisions)
        masks = self.mask_head(x)[torch.arange(len(label)), label].sigmoid()
        scale = boxes.new_tensor([original[1] / size[1], original[0] / size[0]]).repeat(2)
        keep = has_area(boxes * scale, original, decisions, "detection's sides")
        boxes = clip(boxes * scale, original)[keep]
        pixels = [paste(m, b, *original) for m, b in zip(masks[keep], boxes)]
        return boxes, label[keep], scores[keep], torch.stack(pixels)
