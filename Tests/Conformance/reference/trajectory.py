"""What a trajectory run is given, and what is kept of its end: shared by make_fixtures.py, which
runs the reference, by Tests/Python/test_conformance.py, and (rewritten) by TrajectoryRun.swift.
Letters: N images, S view size, B boxes per image, D sign vectors. NumPy only."""

import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parents[1]  # Tests/Conformance
FIXTURES = HERE / "fixtures"
sys.path.insert(0, str(HERE.parent / "Fixtures"))

from hashed import hashed, recipe, words  # noqa: E402

STEPS = 10
SAMPLES = 32  # strided elements kept of a tensor
SIGNS = 24  # sign vectors: one bit each of a hash word

# The schedule has 10 steps, the first of them warm-up; not every run goes to its end.
RUNS = {
    "r18_scrl": dict(arch="resnet18", method="scrl", quirks="corrected", images=4),
    "r18_official": dict(arch="resnet18", method="scrl", quirks="official", images=4),
    "r18_byol": dict(arch="resnet18", method="byol", quirks="corrected", images=6),
    "r50_scrl": dict(arch="resnet50", method="scrl", quirks="corrected", images=4),
    # The first steps of r18_scrl again, with an online probe: views and boxes are the same.
    "r18_probe": dict(arch="resnet18", method="scrl", quirks="corrected", images=4, steps=5,
                      probe=True, like="r18_scrl"),
    "r18_supervised": dict(arch="resnet18", method="supervised", quirks="corrected", images=4,
                           steps=5, rate=0.5),
}
CLASSES = 5
SIZE = 96
BOXES = 6  # per image
BASE_RATE = 2.0  # where a run has no rate of its own: plain SGD moves weights further
WEIGHT_DECAY = 1e-4
EMA = 0.97


def views(name, images, size):
    """Smooth colours with noise: hashed values every 16 pixels, bilinear between, plus fine ones."""
    cells = size // 16 + 1
    coarse = hashed(name + "/coarse", (images, 3, cells, cells), 0.0, 1.5)
    place = np.arange(size)
    low, part = place // 16, (place % 16).astype(np.float32) / np.float32(16)
    rows = coarse[:, :, low] + part[:, None] * (coarse[:, :, low + 1] - coarse[:, :, low])
    smooth = rows[..., low] + part * (rows[..., low + 1] - rows[..., low])
    return smooth + hashed(name + "/fine", (images, 3, size, size), 0.0, 0.5)


def labels(step, images):
    """Of each image; −1: none. Steps are counted from 1."""
    return [-1 if image == step - 1 else (2 * image + step) % CLASSES for image in range(images)]


LAST_NORMS = (".bn2.weight", ".bn3.weight")  # the last of a basic block and of a bottleneck


def is_norm(name):
    parts = name.split(".")
    return parts[-2].startswith("bn") or "downsample" in parts


def start(name, shape, quirks):
    """First values. Corrected: the target begins as the online network."""
    if quirks == "corrected":
        name = name.replace("target.", "online.", 1)
    centre, spread = recipe(name, shape)
    if is_norm(name) and name.endswith(".bias"):
        centre = 0.3  # most units of a ReLU are away from its edge
    if name.endswith(LAST_NORMS):
        centre, spread = 0.3, 0.1  # a block adds less than its identity: rounding grows slowly
    return hashed(name, shape, centre, spread)


def projections(name, change):
    """(D) sums of `change` under signs ±1: bit d of word i of the hash of "signs/<name>"."""
    bits = words("signs/" + name, change.size)
    flat = change.reshape(-1).astype(np.float64)
    total = flat.sum()
    sums = [total - 2 * flat[(bits >> np.uint32(d)) & np.uint32(1) == 1].sum() for d in range(SIGNS)]
    return np.array(sums)


def strided(values):
    flat = values.reshape(-1)
    return flat[np.arange(SAMPLES) * flat.size // SAMPLES]


def summary(name, values, first):
    """(2 + 32 + 24): the norms of the value and of its change, elements of the value, and
    projections of the change."""
    change = values.astype(np.float64) - first.astype(np.float64)
    norms = [np.linalg.norm(values.astype(np.float64)), np.linalg.norm(change)]
    return np.concatenate([norms, strided(values), projections(name, change)])
