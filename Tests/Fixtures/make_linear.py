"""Makes linear/features.npz: a labelled set, and what scikit-learn reaches on it.

    python Tests/Fixtures/make_linear.py      (needs libscrl, numpy, Pillow and scikit-learn)

Pictures of a polygon each; three in four have their class's colour. Features: 90 of the 512 channels
of a ResNet-18 with its first weights, float16. Arrays: train (N,F), train_labels, test (M,F),
test_labels, and the test accuracies of LogisticRegression(C=1) on the features as they are (raw)
and standardised by the train rows (standardised).
"""

import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "bindings" / "python"))
import scrl  # noqa: E402

COLOURS = ((220, 60, 60), (60, 200, 60), (60, 60, 220), (220, 220, 60), (200, 60, 200),
           (60, 200, 200))
TRAIN, TEST, CHANNELS, SIDE = 350, 450, 90, 64


def picture(rng: np.random.Generator, label: int) -> np.ndarray:
    """(S,S,3) uint8: a polygon on a plain ground, under noise."""
    canvas = Image.new("RGB", (SIDE, SIDE), tuple(rng.integers(60, 180, 3).tolist()))
    colour = COLOURS[label if rng.random() < 0.75 else rng.integers(len(COLOURS))]
    shade = np.clip(np.array(colour) + rng.normal(0, 25, 3), 0, 255).astype(int)
    radius, corners = rng.uniform(0.18, 0.4) * SIDE, label + 3
    x, y = rng.uniform(0.35, 0.65, 2) * SIDE
    angles = rng.uniform(0, 2 * np.pi) + np.arange(corners) * 2 * np.pi / corners
    ImageDraw.Draw(canvas).polygon(
        list(zip(x + radius * np.cos(angles), y + radius * np.sin(angles))),
        fill=tuple(shade.tolist()))
    noisy = np.asarray(canvas) + rng.normal(0, 12, (SIDE, SIDE, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def main() -> None:
    rng = np.random.default_rng(5)
    labels = rng.integers(len(COLOURS), size=TRAIN + TEST)
    model = scrl.Model(scrl.Config(**{"model.arch": "resnet18", "seed": 0}))
    features = np.concatenate([
        model.embed(scrl.prepare(picture(rng, int(label)), SIDE)[None]) for label in labels])
    channels = np.sort(rng.permutation(features.shape[1])[:CHANNELS])
    features = features[:, channels].astype(np.float16)
    train, test = features[:TRAIN].astype(np.float32), features[TRAIN:].astype(np.float32)
    ours, theirs = labels[:TRAIN], labels[TRAIN:]
    plain = LogisticRegression(C=1, max_iter=20_000)
    found = {
        "raw": plain.fit(train, ours).score(test, theirs),
        "standardised": make_pipeline(StandardScaler(), plain).fit(train, ours).score(
            test, theirs),
    }
    target = HERE / "linear" / "features.npz"
    np.savez_compressed(
        target, train=features[:TRAIN], train_labels=ours.astype(np.int8),
        test=features[TRAIN:], test_labels=theirs.astype(np.int8), **found)
    print(found, os.path.getsize(target), "bytes")


if __name__ == "__main__":
    main()
