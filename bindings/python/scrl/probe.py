"""Probe: what labelled regions tell about a backbone, with numpy alone.

Each ground-truth box becomes one RoIAligned vector of the frozen backbone; images are split into
train and test; a weighted k-NN (cosine) and a ridge classifier name the class of the test boxes.
"""

from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from .dataset import Dataset
from .model import Model

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
NEIGHBOURS, TEMPERATURE = 20, 0.07  # of instance-discrimination k-NN (Wu et al. 2018)


class RegionScore(NamedTuple):
    """Accuracies in 0 … 1 over the test boxes."""

    knn: float
    linear: float
    chance: float      # of always naming the train split's most frequent class
    train_boxes: int
    test_boxes: int
    classes: int


def normalise(pixels: np.ndarray) -> np.ndarray:
    """(H,W,3) uint8 as (3,H,W) float32, normalised by ImageNet's mean and deviation."""
    return ((pixels.astype(np.float32) / 255 - MEAN) / DEVIATION).transpose(2, 0, 1)


def has_regions(dataset: Dataset, look_at: int = 50) -> bool:
    """True when one of the first images has a labelled box."""
    return any((dataset.box_labels(i) >= 0).any() for i in range(min(len(dataset), look_at)))


def split(count: int, limit: int, seed: int = 0) -> np.ndarray:
    """At most `limit` of `count` image numbers in random order, the same for the same seed."""
    return np.random.default_rng(seed).permutation(count)[:limit]


def region_vectors(model: Model, dataset: Dataset, images: np.ndarray, batch: int = 16
                   ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors (K,F) of the labelled boxes that are no crowds, their classes (K), and their images (K)."""
    groups: Dict[Tuple[int, int], List[int]] = {}
    for index in images.tolist():
        groups.setdefault(dataset.size(index), []).append(index)
    vectors, classes, owners = [], [], []
    for members in groups.values():
        for start in range(0, len(members), batch):
            part = members[start:start + batch]
            pixels = np.stack([normalise(dataset[index]) for index in part])
            boxes = []
            for place, index in enumerate(part):
                corners, labels = dataset.boxes(index), dataset.box_labels(index)
                single = (labels >= 0) & ~dataset.crowd(index)  # a crowd is no one thing
                for corner, label in zip(corners[single], labels[single]):
                    boxes.append([place, *corner.tolist()])
                    classes.append(int(label))
                    owners.append(index)
            if boxes:
                vectors.append(model.embed_regions(pixels, np.array(boxes, np.float32)))
    if not vectors:
        return np.empty((0, 1), np.float32), np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate(vectors), np.array(classes), np.array(owners)


def knn_accuracy(train: np.ndarray, train_classes: np.ndarray, test: np.ndarray,
                 test_classes: np.ndarray, neighbours: int = NEIGHBOURS) -> float:
    """Share of test vectors whose class wins the weighted vote of their nearest train vectors."""
    def unit(x: np.ndarray) -> np.ndarray:
        return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)

    near = unit(test) @ unit(train).T
    k = min(neighbours, train.shape[0])
    places = np.argpartition(-near, k - 1, axis=1)[:, :k]
    closeness = np.take_along_axis(near, places, axis=1)
    votes = np.zeros((len(test), int(max(train_classes.max(), test_classes.max())) + 1))
    rows = np.repeat(np.arange(len(test)), k)
    np.add.at(votes, (rows, train_classes[places].ravel()),
              np.exp((closeness - 1) / TEMPERATURE).ravel())
    return float((votes.argmax(1) == test_classes).mean())


def linear_accuracy(train: np.ndarray, train_classes: np.ndarray, test: np.ndarray,
                    test_classes: np.ndarray) -> float:
    """Share of test vectors that a ridge classifier names rightly.

    Features are standardised by the train split; the penalty is chosen on its last fifth.
    """
    mean, spread = train.mean(0), train.std(0)
    spread = np.where(spread > 1e-6 * max(float(spread.max()), 1e-12), spread, np.inf)

    def prepared(x: np.ndarray) -> np.ndarray:
        return np.hstack([(x - mean) / spread, np.ones((len(x), 1))]).astype(np.float64)

    x, goals = prepared(train), np.eye(int(train_classes.max()) + 1)[train_classes] * 2 - 1
    held = max(1, len(x) // 5)

    def fit(x: np.ndarray, goals: np.ndarray, penalty: float) -> np.ndarray:
        gram = x.T @ x
        gram[np.diag_indices_from(gram)] += penalty * len(x)
        return np.linalg.solve(gram, x.T @ goals)

    def score(penalty: float) -> float:
        weights = fit(x[:-held], goals[:-held], penalty)
        return float(((x[-held:] @ weights).argmax(1) == train_classes[-held:]).mean())

    best = max((0.003, 0.03, 0.3, 3.0), key=score) if len(x) > 10 else 0.3
    answer = (prepared(test) @ fit(x, goals, best)).argmax(1)
    return float((answer == test_classes).mean())


def regions(model: Model, dataset: Dataset, limit: int = 600, test_share: float = 0.3,
            seed: int = 0) -> Optional[RegionScore]:
    """Region classification on at most `limit` images; None when too few boxes have labels."""
    vectors, classes, owners = region_vectors(model, dataset, split(len(dataset), limit, seed))
    images = split(len(np.unique(owners)), len(np.unique(owners)), seed)
    tested = np.unique(owners)[images[:int(round(test_share * len(images)))]]
    in_test = np.isin(owners, tested)
    if in_test.sum() < 10 or (~in_test).sum() < 10 or not np.isfinite(vectors).all():
        return None
    train, test = vectors[~in_test], vectors[in_test]
    train_classes, test_classes = classes[~in_test], classes[in_test]
    common = np.bincount(train_classes).argmax()
    return RegionScore(
        knn_accuracy(train, train_classes, test, test_classes),
        linear_accuracy(train, train_classes, test, test_classes),
        float((test_classes == common).mean()), len(train), len(test),
        len(np.unique(classes)))
