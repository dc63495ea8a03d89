"""Matched boxes in NumPy, written from the method's description, and what is kept of many draws.
Letters: M images drawn at once, S view size. A crop is (y, x, height, width, flipped)."""

import numpy as np

EDGES = 256  # places where distribution functions are kept
COORDINATES = ["x0", "y0", "width", "height"]

# Crop pairs of one source, view size, sampler, IoU threshold, jitter, least side.
CASES = [
    ((10, 20, 300, 400, 0), (60, 90, 350, 420, 0), 224, "grid", 0.5, 0.0, 32),
    ((0, 0, 480, 640, 0), (100, 150, 250, 250, 1), 224, "grid", 0.5, 0.1, 32),
    ((40, 40, 260, 300, 1), (0, 100, 333, 260, 1), 224, "plain", 0.5, 0.0, 32),
    ((5, 0, 280, 310, 1), (30, 60, 290, 400, 0), 224, "plain", 1.0, 0.2, 32),
    ((0, 0, 224, 224, 0), (0, 0, 224, 224, 1), 224, "grid", 1.0, 0.0, 32),
    ((0, 0, 300, 300, 0), (210, 200, 300, 320, 1), 224, "grid", 0.5, 0.0, 32),
    ((3, 7, 90, 130, 1), (20, 40, 110, 100, 0), 96, "grid", 0.5, 0.05, 16),
]
PER_IMAGE, TRIES = 10, 50


def canvas(one, two, size, least):
    """Corner of the intersection, working zoom, whole extents; None when too small."""
    left, right = max(one[1], two[1]), min(one[1] + one[3], two[1] + two[3])
    top, bottom = max(one[0], two[0]), min(one[0] + one[2], two[0] + two[2])
    if left >= right or top >= bottom:
        return None
    zoom_x = min(size / one[3], size / two[3])
    zoom_y = min(size / one[2], size / two[2])
    width, height = round((right - left) * zoom_x), round((bottom - top) * zoom_y)
    if width <= least or height <= least:
        return None
    return left, top, zoom_x, zoom_y, width, height


def draw(rng, m, width, height, sampler, least):
    """(M,4) boxes x0, y0, x1, y1 on the canvas, whole pixels."""
    if sampler == "plain":
        w, h = rng.integers(least, width, m), rng.integers(least, height, m)
        x, y = rng.integers(0, width - w), rng.integers(0, height - h)
    else:
        columns = rng.integers(1, width // least + 1, m)
        rows = rng.integers(1, height // least + 1, m)
        cell_w, cell_h = width / columns, height / rows
        w = rng.integers(least, np.floor(cell_w).astype(int) + 1)
        h = rng.integers(least, np.floor(cell_h).astype(int) + 1)
        x = rng.integers(0, np.floor(cell_w).astype(int) - w + 1)
        y = rng.integers(0, np.floor(cell_h).astype(int) - h + 1)
        x = x + np.floor(rng.integers(0, columns) * cell_w).astype(int)
        y = y + np.floor(rng.integers(0, rows) * cell_h).astype(int)
    return np.stack([x, y, x + w, y + h], 1).astype(float)


def to_view(boxes, corner, view, size):
    """Canvas → source → view; mirrored left to right when flipped."""
    left, top, zoom_x, zoom_y = corner
    x = (boxes[:, [0, 2]] / zoom_x + left - view[1]) * (size / view[3])
    y = (boxes[:, [1, 3]] / zoom_y + top - view[0]) * (size / view[2])
    if view[4]:
        x = size - x[:, ::-1]
    return np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], 1)


def jittered(rng, boxes, ratio):
    w, h = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    u = rng.uniform(-ratio, ratio, (4, len(boxes)))
    x, y = boxes[:, 0] + w * u[0], boxes[:, 1] + h * u[1]
    return np.stack([x, y, x + w * (1 + u[2]), y + h * (1 + u[3])], 1)


def iou(a, b):
    w = np.minimum(a[:, 2], b[:, 2]) - np.maximum(a[:, 0], b[:, 0])
    h = np.minimum(a[:, 3], b[:, 3]) - np.maximum(a[:, 1], b[:, 1])
    both = np.maximum(w, 0) * np.maximum(h, 0)
    area = [(c[:, 2] - c[:, 0]) * (c[:, 3] - c[:, 1]) for c in (a, b)]
    return both / (area[0] + area[1] - both)


def sample(rng, m, case):
    """Boxes of M images: two arrays (10,M,4), views one and two."""
    one, two, size, sampler, threshold, jitter, least = case
    left, top, zoom_x, zoom_y, width, height = canvas(one, two, size, least)
    corner = (left, top, zoom_x, zoom_y)
    accepted = ([], [])
    for index in range(PER_IMAGE):
        best = np.empty((2, m, 4))
        open_ = np.arange(m)
        for _ in range(TRIES):
            place = draw(rng, len(open_), width, height, sampler, least)
            first = to_view(place, corner, one, size)
            second = to_view(place, corner, two, size)
            if jitter:
                second = jittered(rng, second, jitter)
            best[0, open_], best[1, open_] = first, second
            if index == 0 or threshold == 1:
                break
            worst = np.max([iou(first, other[open_]) for other in accepted[0]], 0)
            open_ = open_[worst >= threshold]
            if len(open_) == 0:
                break
        for kept, boxes in zip(accepted, best):
            kept.append(np.clip(boxes, 0, size))
    return np.array(accepted[0]), np.array(accepted[1])


def edges(upper):
    """Where a distribution over 0 … upper is kept; 0.00137 keeps off whole numbers."""
    return (np.arange(EDGES) + 0.5) * upper / EDGES + 0.00137


def distributions(first, second, size):
    """(17, 256) distribution functions: view, box 0 or 9, coordinate; then box 9's largest IoU."""
    result = []
    for boxes in (first, second):
        for index in (0, PER_IMAGE - 1):
            b = boxes[index].astype(np.float32).astype(float)
            for values in (b[:, 0], b[:, 1], b[:, 2] - b[:, 0], b[:, 3] - b[:, 1]):
                result.append(np.searchsorted(np.sort(values), edges(size), "right") / len(values))
    worst = np.max([iou(first[-1], other) for other in first[:-1]], 0)
    result.append(np.searchsorted(np.sort(worst), edges(1), "right") / len(worst))
    return np.array(result)


def random_crop(rng, width, height):
    """RandomResizedCrop's rule without its fallback."""
    while True:
        area = width * height * rng.uniform(0.2, 1)
        aspect = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
        w, h = round((area * aspect) ** 0.5), round((area / aspect) ** 0.5)
        if 1 <= w <= width and 1 <= h <= height:
            return rng.integers(0, height - h + 1), rng.integers(0, width - w + 1), h, w, 0


def skips(rng, count, size=224, least=32):
    """(count, 9): two crops (y, x, h, w) and whether the image has boxes. Half of the pairs are
    of a recipe of small crops, where many are left out."""
    rows = []
    for index in range(count):
        width = rng.integers(64, 800)
        height = int(width * rng.uniform(0.7, 1.4))
        one, two = random_crop(rng, width, height), random_crop(rng, width, height)
        if index % 2:
            shift = int(rng.integers(one[3] // 2, one[3] + 10))
            two = (two[0], one[1] + shift, *two[2:])
        there = canvas(one, two, size, least) is not None
        rows.append([*one[:4], *two[:4], there])
    return np.array(rows)
