"""Makes the fixtures of MaskRCNNFixtureTests:

    python Tests/Fixtures/make_mask_rcnn.py [--search FIRST COUNT]

Two pictures of different sizes go through Mask R-CNN (mask_rcnn_network.py) in float64. Committed
are losses, gradients, what was decided on the way and detections, each with its tolerance. Weights
are computed from their names by both sides (hashed.py); names.txt says how.

Tolerances are measured, for each number: ROUNDING times what float32 changes of it. Winograd's
convolutions make 4.8 times the error of direct ones, two independent roundings differ by √2 of one,
and PyTorch's float32 runs are few. ReLUs are worse: each that falls on the other side of its kink
makes a jump of the gradients, and float32 runs have one or two of them each, somewhere (so that the
smaller change of two runs is that of rounding alone). So pictures are also moved by up to 10⁻⁵
(float32 moves the maps by 10⁻⁶, Winograd by 5·10⁻⁶), MOVES times, in float64, and KINKS times the
largest change of any run counts where it is larger. And where PyTorch's
float32 happens to be exact, or nearly, others need not be: a weight's gradient is a sum over up to
2·32·32 cells, each step of which may round: √(2048/3) = 26 roundings of 2⁻²⁴, SUM with a margin.

Where a decision (NMS, matching, the best so many, a mask's cell) is close to its threshold, two
right programs may differ. Such inputs are refused: every distance has to be larger than ROUNDING
times what float32 changes of it, and no moved picture may change a decision. --search looks for a
salt of the names for which that holds.
"""

import json
import math
import pathlib
import sys

import numpy as np
import pycocotools.mask
import torch

from hashed import hashed, words
from mask_rcnn_geometry import Decisions
from mask_rcnn_network import MaskRCNN, Options

OUT = pathlib.Path(__file__).parent / "mask_rcnn"
SALT = "38"
ROUNDING, KINKS, MOVES, SUM = 10.0, 2.0, 12, 64 * 2.0**-24
SIDE = 128  # both pictures are padded to this
OPTIONS = Options()

# Boxes with fractions, so that none lies symmetrically between anchors; polygons as COCO's.
PICTURES = [
    {
        "height": 96,
        "width": 128,
        "boxes": [
            [8.3, 10.2, 41.6, 44.9],
            [60.7, 20.4, 118.9, 84.6],
            [30.1, 66.5, 45.4, 80.8],
            [86.2, 3.1, 110.3, 15.7],
        ],
        "labels": [0, 2, 1, 1],
        "polygons": [
            [[8.3, 30.1, 18.6, 10.2, 37.9, 16.3, 41.6, 37.7, 24.2, 44.9]],
            [
                [60.7, 20.4, 92.2, 24.8, 88.6, 60.1, 63.3, 55.5],
                [95.1, 50.2, 118.9, 58.4, 112.3, 84.6, 90.7, 80.9],
            ],
            [[30.1, 66.5, 45.4, 68.2, 42.3, 80.8, 31.4, 77.1]],
            None,  # an ellipse, which has no polygon
        ],
    },
    {
        "height": 128,
        "width": 96,
        "boxes": [
            [4.6, 8.9, 88.2, 117.3],
            [20.3, 30.8, 46.9, 58.4],
            [62.3, 84.5, 77.8, 100.1],
        ],
        "labels": [1, 0, 2],
        "polygons": [
            [[4.6, 70.3, 30.8, 8.9, 80.1, 22.2, 88.2, 95.7, 41.9, 117.3]],
            [[20.3, 33.6, 44.4, 30.8, 46.9, 52.2, 28.5, 58.4]],
            None,
        ],
    },
]
ORIGINAL = (144, 192)  # the first picture before it was made smaller


def spread_of(name: str, shape) -> tuple[float, float]:
    """(centre, spread) that keep activations near 1: He's variance before a ReLU, 1/fan_in
    without; residual branches end in a small scale, so that rounding does not grow."""
    if name.endswith("running_var"):
        return 1.0, 0.2
    if ".bn" in name or ".downsample.1." in name:
        if name.endswith("bn2.weight"):
            return 0.4, 0.1
        return (0.8, 0.2) if name.endswith("weight") else (0.0, 0.1)
    if len(shape) == 1:
        return 0.0, 0.1
    if name == "mask_head.upsample.weight":  # (I,O,2,2): each output has one tap a channel
        return 0.0, math.sqrt(6.0 / shape[0])
    fan_in = math.prod(shape[1:])
    linear = {
        "fpn.lateral2": 0.3,
        "fpn.lateral3": 0.4,
        "fpn.lateral4": 0.6,
        "fpn.lateral5": 1.0,
        "fpn.output": 1.0,
        "rpn.objectness": 1.5,
        "rpn.deltas": 0.15,
        "box_predictor": 1.0,
        "mask_head.predictor": 1.0,
    }
    for prefix, gain in linear.items():
        if name.startswith(prefix):
            return 0.0, gain * math.sqrt(3.0 / fan_in)
    return 0.0, math.sqrt(6.0 / fan_in)


def numbers(salt: str, name: str, shape, centre: float, spread: float) -> torch.Tensor:
    return torch.from_numpy(hashed(f"{salt}/{name}", tuple(shape), centre, spread))


def network(salt: str, dtype: torch.dtype, trained: bool) -> MaskRCNN:
    """`trained`: all is learnt and BatchNorm takes the batch's statistics. Else BatchNorm is
    frozen, and so are the stem and the first stage (Detectron2's freeze_at = 2)."""
    model = MaskRCNN(OPTIONS)
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(numbers(salt, name, tensor.shape, *spread_of(name, tensor.shape)))
    model.to(dtype).train(trained)
    for name, parameter in model.named_parameters():
        norm = name.startswith("encoder.") and parameter.dim() == 1
        frozen = norm or name.startswith(("encoder.conv1.", "encoder.layer1."))
        parameter.requires_grad_(trained or not frozen)
    return model


def ellipse(box, height: int, width: int) -> np.ndarray:
    x0, y0, x1, y1 = box
    y, x = np.mgrid[:height, :width] + 0.5
    return (((2 * x - x0 - x1) / (x1 - x0)) ** 2 + ((2 * y - y0 - y1) / (y1 - y0)) ** 2) < 1


def run_lengths(picture) -> list[dict]:
    height, width = picture["height"], picture["width"]
    result = []
    for box, polygons in zip(picture["boxes"], picture["polygons"]):
        if polygons is None:
            mask = ellipse(box, height, width)
            result.append(pycocotools.mask.encode(np.asfortranarray(mask, np.uint8)))
        else:
            parts = pycocotools.mask.frPyObjects(polygons, height, width)
            result.append(pycocotools.mask.merge(parts))
    return result


def scene(salt: str, dtype: torch.dtype):
    images = torch.zeros(len(PICTURES), 3, SIDE, SIDE, dtype=dtype)
    truths, sizes = [], []
    for i, picture in enumerate(PICTURES):
        size = (picture["height"], picture["width"])
        images[i, :, : size[0], : size[1]] = numbers(salt, f"image{i}", (3, *size), 0.0, 1.7)
        masks = [pycocotools.mask.decode(r) for r in run_lengths(picture)]
        truths.append(
            {
                # What the library is given is float32.
                "boxes": torch.tensor(picture["boxes"], dtype=torch.float32).to(dtype),
                "labels": torch.tensor(picture["labels"]),
                "masks": torch.from_numpy(np.stack(masks)).to(dtype),
            }
        )
        sizes.append(size)
    return images, sizes, truths


class Run:
    """One computation: float64, float32 with oneDNN's convolutions or without, or float64 with
    pictures moved a little."""

    def __init__(self, salt, dtype=torch.float64, fast=True, move=0):
        self.salt, self.dtype, self.fast = salt, dtype, fast
        self.decisions = Decisions()
        self.gradients: dict[str, torch.Tensor] = {}
        self.images, self.sizes, self.truths = scene(salt, dtype)
        if move:
            shape = tuple(self.images.shape)
            self.images *= 1 + torch.from_numpy(hashed(f"move{move}", shape, 0.0, 1e-5))

    def train(self, trained: bool) -> "Run":
        model = network(self.salt, self.dtype, trained)
        with torch.backends.mkldnn.flags(enabled=self.fast):
            losses, self.seen = model.losses(
                self.images, self.sizes, self.truths, self.decisions
            )
            sum(losses.values()).backward()
        self.losses = {name: loss.detach() for name, loss in losses.items()}
        self.gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
        self.state = {n: b for n, b in model.named_buffers() if b.is_floating_point()}
        return self

    def detect(self) -> "Run":
        model = network(self.salt, self.dtype, False)
        with torch.backends.mkldnn.flags(enabled=self.fast):
            self.found = model.detect(self.images[:1], self.sizes[0], ORIGINAL, self.decisions)
        return self


def runs(salt: str) -> list[Run]:
    """The exact one, those in float32, those moved."""
    rounded = [Run(salt, torch.float32, fast) for fast in (True, False)]
    return [Run(salt), *rounded, *(Run(salt, move=i + 1) for i in range(MOVES))]


def change(exact: torch.Tensor, other: torch.Tensor) -> float:
    """Of the element that changes most; of nothing, 0."""
    if other.shape != exact.shape:
        return math.inf
    return float((other.double() - exact).abs().max()) if exact.numel() else 0.0


def tolerance(exact: torch.Tensor, others: list[torch.Tensor]) -> float:
    changes = [change(exact, other) for other in others]
    rounded = [c for c, other in zip(changes, others) if other.dtype == torch.float32]
    return max(ROUNDING * min(rounded), KINKS * max(changes))


def margins(exact: Run, others: list[Run]) -> dict[str, tuple[float, float]]:
    """Per kind of decision (the smallest distance, the tolerance of what float32 compares);
    infinity where another run compared other things or decided otherwise."""
    result = {}
    joined = [other.decisions.joined() for other in others]
    for name, distances in exact.decisions.joined().items():
        near = float(distances.abs().min()) if len(distances) else math.inf
        same = [j.get(name, torch.zeros(0)) for j in joined]
        allowed = ROUNDING * max(change(distances, s) for s in same if s.dtype == torch.float32)
        for other in same:
            if other.shape != distances.shape or bool(((other > 0) != (distances > 0)).any()):
                allowed = math.inf
        result[name] = (near, allowed)
    if any(other.decisions.outcomes != exact.decisions.outcomes for other in others):
        result["order"] = (0.0, math.inf)
    return result


def worst(found: dict[str, tuple[float, float]]) -> tuple[float, str]:
    """(distance over tolerance, of which decision)."""
    return min((near / max(allowed, 1e-12), name) for name, (near, allowed) in found.items())


def projections(name: str, flat: torch.Tensor) -> torch.Tensor:
    """Eight sums of all elements, each with signs of its own: the upper bits of the name's hash.
    They differ by about the norm of a difference, wherever that is."""
    bits = words(name, len(flat))[None] >> np.arange(24, 32, dtype=np.uint32)[:, None] & 1
    signs = torch.from_numpy(bits.astype(np.float64) * 2 - 1)
    return (signs @ flat.double()).to(flat.dtype)


def sample(name: str, exact: torch.Tensor, others: list[torch.Tensor]) -> dict:
    """A few numbers of a tensor, its norm, and projections, with tolerances."""
    flat = exact.detach().reshape(-1)
    index = range(len(flat))
    if len(flat) > 64:
        index = (words(name, 48).astype(np.int64) % len(flat)).tolist()
    others = [other.detach().reshape(-1) for other in others]
    norm, norms = flat.norm(), [other.norm() for other in others]
    sums, others_sums = projections(name, flat), [projections(name, o) for o in others]
    return {
        "name": name,
        "count": len(flat),
        "norm": short(norm),
        "normTolerance": short(max(tolerance(norm, norms), SUM * float(norm))),
        "tolerance": short(max(tolerance(flat, others), SUM * float(flat.abs().max()))),
        "values": [short(flat[i]) for i in index],
        "projectionTolerance": short(max(tolerance(sums, others_sums), SUM * float(norm))),
        "projections": [short(v) for v in sums],
    }


def short(value) -> float:
    return float(f"{float(value):.9g}")


def samples(exact: dict, others: list[dict]) -> list[dict]:
    return [sample(name, exact[name], [o[name] for o in others]) for name in exact]


def maps(seen) -> dict[str, torch.Tensor]:
    result = {f"p{i + 2}": m for i, m in enumerate(seen["maps"])}
    for i, (logits, deltas) in enumerate(seen["predictions"]):
        result[f"objectness{i + 2}"], result[f"deltas{i + 2}"] = logits, deltas
    for n, (boxes, logits) in enumerate(seen["proposals"]):
        result[f"proposal_logits{n}"] = logits
    result["scores"], result["mask_logits"] = seen["scores"], seen["mask_logits"]
    return result


def coco(mask: torch.Tensor) -> str:
    array = np.asfortranarray(mask.numpy().astype(np.uint8))
    return pycocotools.mask.encode(array)["counts"].decode()


def decided(seen) -> list[dict]:
    """Per image what is whole or follows from it, and the proposals' boxes."""
    result, start = [], 0
    for n, (boxes, _) in enumerate(seen["proposals"]):
        positive, match, negatives = seen[f"anchors{n}"]
        _, classes, index = seen[f"regions{n}"]
        count = len(classes)
        result.append(
            {
                "positiveAnchors": positive.tolist(),
                "matchOfAnchor": match.tolist(),
                "negativeAnchors": int(negatives),
                "proposals": [[short(v) for v in box] for box in boxes],
                "classOfRegion": classes.tolist(),
                "matchOfRegion": index.tolist(),
                "levelOfRegion": seen["level"][start : start + count].tolist(),
            }
        )
        start += count
    return result


def training_fixture(salt: str, trained: bool) -> tuple[dict, dict]:
    exact, *others = (run.train(trained) for run in runs(salt))
    found = margins(exact, others)
    if worst(found)[0] < 1:
        return {}, found
    fixture = {
        "losses": samples(exact.losses, [o.losses for o in others]),
        "gradients": samples(exact.gradients, [o.gradients for o in others]),
        "maps": samples(maps(exact.seen), [maps(o.seen) for o in others]),
        "images": decided(exact.seen),
        "proposalTolerance": max(
            tolerance(p[0], [o.seen["proposals"][n][0] for o in others])
            for n, p in enumerate(exact.seen["proposals"])
        ),
        "maskTargets": [coco(m) for m in exact.seen["mask_targets"]],
    }
    if trained:
        kept = [n for n in exact.state if n.startswith(("encoder.bn1.", "encoder.layer4.1.bn2."))]
        states = [{n: run.state[n] for n in kept} for run in (exact, *others)]
        fixture["state"] = samples(states[0], states[1:])
    return fixture, found


def detection_fixture(salt: str) -> tuple[dict, dict]:
    exact, *others = (run.detect() for run in runs(salt))
    found = margins(exact, others)
    if worst(found)[0] < 1:
        return {}, found
    boxes, labels, scores, pixels = exact.found
    allowed = tolerance(pixels, [o.found[3] for o in others])
    outputs = [{"boxes": o.found[0], "scores": o.found[2]} for o in (exact, *others)]
    fixture = {
        "labels": labels.tolist(),
        "outputs": samples(outputs[0], outputs[1:]),
        # Pixels within the tolerance of 0.5 may go either way.
        "surely": [coco(p >= 0.5 + allowed) for p in pixels],
        "atMost": [coco(p >= 0.5 - allowed) for p in pixels],
        "undecided": int(((pixels - 0.5).abs() <= allowed).sum()),
    }
    return fixture, found


def rich(salt: str) -> bool:
    """Whether there is something to see: proposals of objects in either picture, an anchor that
    matches by itself, all levels, two classes detected."""
    for trained in (False, True):
        seen = Run(salt).train(trained).seen
        for n, picture in enumerate(PICTURES):
            _, classes, _ = seen[f"regions{n}"]
            truths = len(picture["labels"])
            if not (classes[:-truths] < OPTIONS.classes).any():
                return False
            if len(seen[f"anchors{n}"][0]) <= truths:
                return False
        if len(seen["level"].unique()) < 4:
            return False
    return len(Run(salt).detect().found[1].unique()) > 1


def search(first: int, count: int) -> None:
    """Prints, for each salt that serves, the least distance over tolerance, and the largest
    tolerance of a gradient beside its largest element."""
    for salt in map(str, range(first, first + count)):
        if not rich(salt):
            continue
        found, loosest = [], 0.0
        for step in (lambda r: r.train(False), lambda r: r.train(True), lambda r: r.detect()):
            exact, *others = (step(run) for run in runs(salt)[:6])
            found.append(worst(margins(exact, others)))
            if found[-1][0] < 1:
                break
            for name, gradient in exact.gradients.items():
                change = tolerance(gradient, [o.gradients[name] for o in others])
                loosest = max(loosest, change / float(gradient.abs().max()))
        else:
            ratios = [f"{ratio:.2f} ({name})" for ratio, name in found]
            print(salt, *ratios, f"{loosest:.1e}", flush=True)


def main() -> None:
    torch.set_num_threads(1)
    if "--search" in sys.argv:
        return search(*map(int, sys.argv[2:4]))
    assert rich(SALT)
    OUT.mkdir(exist_ok=True)
    lines = []
    for name, tensor in MaskRCNN(OPTIONS).state_dict().items():
        if tensor.is_floating_point():
            centre, spread = map(np.float32, spread_of(name, tensor.shape))
            shape = " ".join(map(str, tensor.shape))
            lines.append(f"{name} {centre} {spread} {shape}\n")
    (OUT / "names.txt").write_text("".join(lines))
    made = {
        "frozen": training_fixture(SALT, False),
        "trained": training_fixture(SALT, True),
        "detections": detection_fixture(SALT),
    }
    made["scene"] = (
        {
            "salt": SALT,
            "original": ORIGINAL,
            "pictures": [
                {key: picture[key] for key in ("height", "width", "boxes", "labels")}
                | {"masks": [r["counts"].decode() for r in run_lengths(picture)]}
                for picture in PICTURES
            ],
        },
        {},
    )
    for name, (fixture, found) in made.items():
        for decision, (near, allowed) in found.items():
            print(f"{name}: {decision}: {near:.2e} from its threshold, tolerance {allowed:.1e}")
        assert not found or worst(found)[0] >= 1, worst(found)
        (OUT / f"{name}.json").write_text(json.dumps(fixture, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
