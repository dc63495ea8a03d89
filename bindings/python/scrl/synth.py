"""Made scenes: labelled pictures whose classes are surface patterns, not shapes or colours.

Each object has a random silhouette, two random colours, a frequency and an orientation; only the
pattern tells its class, so a network that keeps colour alone learns nothing. Backgrounds are muted
fractal noise of a few kinds. Two modes: "scenes" (several objects, they occlude each other) and
"objects" (one large centred object, a folder per class).

Picture k of a seed is the same whatever the count and the number of workers.
Letters: S side in pixels; u, v an object's own coordinates, turned, in periods of its pattern.
"""

import json
import math
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import numpy as np
from PIL import Image, ImageDraw

from . import coco, progress as bars
from .errors import ArgumentError, DataError

CLASSES = ("stripes", "checks", "dots", "zigzag", "rings", "grid", "grain", "bands", "hexagons",
           "plain")
BACKGROUNDS = ("clouds", "ridges", "fibres", "marble", "speckle")
SILHOUETTES = ("ellipse", "polygon", "blob", "rectangle", "star", "capsule")
JPEG_QUALITY = 92
VISIBLE_SHARE = 0.45  # an object keeps at least this much of itself in view
SUPERSAMPLING = 3

Rng = np.random.Generator
TAU = 2 * math.pi


class Look(NamedTuple):
    """What made pictures look like. Pairs are (least, most), drawn uniformly."""

    objects: Tuple[int, int] = (3, 7)            # tried in a scene; hidden ones are left out
    radius: Tuple[float, float] = (0.09, 0.24)   # in a scene, share of S; its logarithm is uniform
    large: Tuple[float, float] = (0.34, 0.48)    # the same of a centred object
    period: Tuple[float, float] = (0.13, 0.24)   # of a pattern, share of the object's extent
    patches: int = 1           # parts of an object; each has colours, period, turn of its own
    saturation: float = 1.0    # of objects' colours: 0 grey … 1 any colour
    contrast: float = 55.0     # least distance in grey of an object's two colours, of 255
    background: Tuple[float, float] = (14, 26)   # its reach about its mean grey, of 255


class Thing(NamedTuple):
    """One visible object: its class, and its mask (S,S) bool of what can be seen."""

    label: int
    mask: np.ndarray


# ------------------------------------------------------------------ patterns

def _edge(wave: np.ndarray, hardness: float) -> np.ndarray:
    """A wave in −1 … 1 as a soft-edged choice between two colours, in 0 … 1."""
    return np.clip(0.5 + hardness * wave, 0, 1)


def _fold(x: np.ndarray) -> np.ndarray:
    """Distance to the nearest whole number, 0 … 0.5."""
    return np.abs(x - np.rint(x))


def _pattern(name: str, u: np.ndarray, v: np.ndarray, hardness: float, rng: Rng) -> np.ndarray:
    """The share of the second colour, (h,w) in 0 … 1, at coordinates in periods."""
    if name == "stripes":
        return _edge(np.sin(TAU * u), hardness)
    if name == "checks":
        return _edge(np.sin(TAU * u * 0.7) * np.sin(TAU * v * 0.7) * 1.5, hardness)
    if name == "dots":
        row = np.rint(v)
        x = u + 0.5 * (row % 2)
        return _edge(0.3 - np.hypot(x - np.rint(x), v - row), hardness * 3)
    if name == "zigzag":
        return _edge(np.sin(TAU * (u + 1.2 * _fold(v * 0.6))), hardness)
    if name == "rings":
        return _edge(np.sin(TAU * np.hypot(u - rng.uniform(-1, 1), v - rng.uniform(-1, 1))),
                     hardness)
    if name == "grid":
        return _edge(0.13 - np.minimum(_fold(u * 0.9), _fold(v * 0.9)), hardness * 4)
    if name == "grain":
        cells = rng.random((24, 24), np.float32)
        x, y = np.floor(u * 3.5).astype(np.int64) % 24, np.floor(v * 3.5).astype(np.int64) % 24
        return cells[y, x]
    if name == "bands":  # one wide, two narrow, in turn
        x = u * 0.45
        x = x - np.floor(x)
        wide, narrow = np.abs(x - 0.27) - 0.19, np.minimum(np.abs(x - 0.62), np.abs(x - 0.82))
        return _edge(-np.minimum(wide, narrow - 0.045), hardness * 5)
    if name == "hexagons":  # the edges of cells around two interleaved lattices
        height = math.sqrt(3)
        x, y = u * 0.8, v * 0.8
        ax, ay = np.abs(x - np.rint(x)), np.abs(y - height * np.rint(y / height))
        bx, by = 0.5 - ax, height / 2 - ay
        near = np.hypot(ax, ay) < np.hypot(bx, by)
        hx, hy = np.where(near, ax, np.abs(bx)), np.where(near, ay, np.abs(by))
        inside = np.maximum(hx, hx * 0.5 + hy * (height / 2))
        return _edge(inside - 0.40, hardness * 5)
    return np.full(u.shape, rng.uniform(0.2, 0.8), np.float32)


def _colours(look: Look, rng: Rng) -> np.ndarray:
    """Two colours (2,3) in 0 … 255, apart enough for the pattern to be seen in grey as well."""
    weights = np.array([0.299, 0.587, 0.114])
    for _ in range(50):
        pair = rng.uniform(15, 240, (2, 3))
        if abs(float((pair[0] - pair[1]) @ weights)) > look.contrast:
            break
    if look.saturation != 1:
        grey = (pair @ weights)[:, None]
        pair = grey + look.saturation * (pair - grey)
    return pair.astype(np.float32)


def _surface(name: str, side: int, extent: float, look: Look, rng: Rng) -> np.ndarray:
    """The painted surface of an object, (side,side,3) in 0 … 255; extent: its size in pixels."""
    surface = _paint(name, side, extent, look, rng)
    if look.patches > 1:  # each pixel belongs to the nearest of as many random points
        points = rng.uniform(0.15, 0.85, (look.patches, 2)) * side
        place = np.arange(side) + 0.5
        nearest = np.argmin(
            (place[None, :, None] - points[:, 0, None, None]) ** 2
            + (place[None, None, :] - points[:, 1, None, None]) ** 2, axis=0)
        for number in range(1, look.patches):
            other = _paint(name, side, extent, look, rng)
            surface = np.where((nearest == number)[:, :, None], other, surface)
    return surface


def _paint(name: str, side: int, extent: float, look: Look, rng: Rng) -> np.ndarray:
    """One patch's paint, over all of the square."""
    angle, period = rng.uniform(0, math.pi), max(4.5, extent * rng.uniform(*look.period))
    line = (np.arange(side, dtype=np.float32) - side / 2) / np.float32(period)
    cos, sin = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    shift = rng.uniform(0, 1, 2).astype(np.float32)
    u = cos * line[None, :] + sin * line[:, None] + shift[0]
    v = cos * line[:, None] - sin * line[None, :] + shift[1]
    first, second = _colours(look, rng)
    share = _pattern(name, u, v, hardness=max(1.0, period / 4), rng=rng)
    light = 1 + rng.uniform(0.05, 0.22) * (line[None, :] * cos - line[:, None] * sin) * np.float32(
        2 * period / side)
    paint = first + share[:, :, None].astype(np.float32) * (second - first)
    return np.clip(paint * light[:, :, None], 0, 255)


# ------------------------------------------------------------------ silhouettes

def _outline(kind: str, radius: float, rng: Rng) -> List[Tuple[float, float]]:
    """The corners of a closed outline around (0, 0) that stays within `radius`."""
    if kind == "ellipse":
        angles, reach = np.linspace(0, TAU, 48, endpoint=False), 1.0
    elif kind == "polygon":
        corners = int(rng.integers(3, 8))
        angles = (np.arange(corners) + rng.uniform(-0.25, 0.25, corners)) * TAU / corners
        reach = rng.uniform(0.75, 1.0, corners)
    elif kind == "blob":
        angles = np.linspace(0, TAU, 64, endpoint=False)
        reach = 0.72 + sum(
            rng.uniform(0.02, 0.22 / k) * np.sin(k * angles + rng.uniform(0, TAU))
            for k in (2, 3, 4, 5))
    elif kind == "star":
        points = int(rng.integers(5, 9))
        angles = np.arange(2 * points) * TAU / (2 * points)
        reach = np.where(np.arange(2 * points) % 2, rng.uniform(0.5, 0.7), 1.0)
    else:  # rectangle (rounded by little), capsule (rounded by much): a superellipse
        angles = np.linspace(0, TAU, 72, endpoint=False)
        power = 8.0 if kind == "rectangle" else 3.2
        reach = 0.8 / (np.abs(np.cos(angles)) ** power + np.abs(np.sin(angles)) ** power) ** (
            1 / power)
    x, y = radius * reach * np.cos(angles), radius * reach * np.sin(angles)
    y = y * (rng.uniform(0.4, 0.6) if kind == "capsule" else rng.uniform(0.65, 1.0))
    turn = rng.uniform(0, TAU)
    cos, sin = math.cos(turn), math.sin(turn)
    return list(zip((cos * x - sin * y).tolist(), (sin * x + cos * y).tolist()))


def _silhouette(radius: float, rng: Rng) -> np.ndarray:
    """Coverage (side,side) in 0 … 1 of a random silhouette, antialiased."""
    side = 2 * int(math.ceil(radius)) + 2
    kind = SILHOUETTES[rng.integers(len(SILHOUETTES))]
    scale, middle = SUPERSAMPLING, side * SUPERSAMPLING / 2
    canvas = Image.new("L", (side * scale, side * scale))
    ImageDraw.Draw(canvas).polygon(
        [(middle + scale * x, middle + scale * y) for x, y in _outline(kind, radius, rng)],
        fill=255)
    return np.asarray(canvas.reduce(scale), np.float32) / 255


# ------------------------------------------------------------------ backgrounds

def _noise(side: int, cells: Tuple[int, int], octaves: int, fall: float, rng: Rng) -> np.ndarray:
    """Fractal noise (S,S), about −1 … 1: octaves of random lattices, enlarged smoothly."""
    total, weight = np.zeros((side, side), np.float32), 1.0
    across, down = cells
    for _ in range(octaves):
        lattice = rng.uniform(-1, 1, (min(down, side) + 3, min(across, side) + 3)).astype(np.float32)
        grown = Image.fromarray(lattice).resize(
            (side, side), Image.Resampling.BICUBIC,
            box=(1, 1, lattice.shape[1] - 1, lattice.shape[0] - 1))
        total += weight * np.asarray(grown)
        weight *= fall
        across, down = across * 2, down * 2
    return total


def _background(kind: str, side: int, look: Look, rng: Rng) -> np.ndarray:
    """A muted background, (S,S,3) in 0 … 255."""
    if kind == "clouds":
        field = _noise(side, (2, 2), 4, 0.5, rng)
    elif kind == "ridges":
        field = 1.1 - 2.4 * np.abs(_noise(side, (3, 3), 4, 0.5, rng))
    elif kind == "fibres":
        field = _noise(side, *(((3, 24), 3, 0.6) if rng.random() < 0.5 else ((24, 3), 3, 0.6)),
                       rng)
    elif kind == "marble":
        field = np.sin(5 * _noise(side, (2, 2), 3, 0.5, rng))
    else:  # speckle
        field = _noise(side, (20, 20), 2, 0.8, rng) * 0.6 + _noise(side, (2, 2), 1, 1, rng) * 0.4
    grey = rng.uniform(80, 165)
    tint = rng.uniform(-16, 16, (2, 3))
    reach = rng.uniform(*look.background)
    low, high = grey - reach + tint[0], grey + reach + tint[1]
    share = np.clip(0.5 + 0.45 * field, 0, 1)[:, :, None]
    return (low + share * (high - low)).astype(np.float32)


# ------------------------------------------------------------------ pictures

def _paste(picture: np.ndarray, owner: np.ndarray, label: int, number: int, radius: float,
           centre: Tuple[float, float], areas: Dict[int, int], look: Look, rng: Rng) -> bool:
    """Paints one object; False when it would be hidden or hide another one too much."""
    side = picture.shape[0]
    cover = _silhouette(radius, rng)
    surface = _surface(CLASSES[label], cover.shape[0], 2 * radius, look, rng)
    top, left = int(centre[0]) - cover.shape[0] // 2, int(centre[1]) - cover.shape[1] // 2
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + cover.shape[0], side), min(left + cover.shape[1], side)
    full = int((cover >= 0.5).sum())
    cover, surface = (
        array[y0 - top:y1 - top, x0 - left:x1 - left] for array in (cover, surface))
    solid = cover >= 0.5
    if solid.sum() < max(VISIBLE_SHARE * full, 12):
        return False
    region = owner[y0:y1, x0:x1]
    hidden = np.bincount(region[solid], minlength=number + 1)
    for other, area in areas.items():
        if hidden[other] and (owner == other).sum() - hidden[other] < VISIBLE_SHARE * area:
            return False
    picture[y0:y1, x0:x1] += cover[:, :, None] * (surface - picture[y0:y1, x0:x1])
    region[solid] = number
    areas[number] = full
    return True


def render(seed: int, index: int, mode: str = "scenes", side: int = 160, look: Look = Look()
           ) -> Tuple[np.ndarray, List[Thing], str]:
    """Picture `index` of a seed: (S,S,3) uint8, its visible objects, its background's kind."""
    rng = np.random.default_rng([seed, index, 0 if mode == "scenes" else 1])
    kind = BACKGROUNDS[rng.integers(len(BACKGROUNDS))]
    picture = _background(kind, side, look, rng)
    owner = np.zeros((side, side), np.int32)  # 0: background, else the object's number
    areas: Dict[int, int] = {}
    labels: Dict[int, int] = {}
    wanted = int(rng.integers(look.objects[0], look.objects[1] + 1)) if mode == "scenes" else 1
    for number in range(1, wanted + 1):
        label = int(rng.integers(len(CLASSES))) if mode == "scenes" else index % len(CLASSES)
        for _ in range(4):
            if mode == "scenes":
                radius = side * math.exp(rng.uniform(*map(math.log, look.radius)))
                centre = tuple(rng.uniform(0.06, 0.94, 2) * side)
            else:
                radius = side * rng.uniform(*look.large)
                centre = tuple((0.5 + rng.uniform(-0.06, 0.06, 2)) * side)
            if _paste(picture, owner, label, number, radius, centre, areas, look, rng):
                labels[number] = label
                break
    things = [Thing(label, owner == number) for number, label in labels.items()]
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8), things, kind


def _file_name(mode: str, index: int) -> str:
    if mode == "objects":
        return f"{CLASSES[index % len(CLASSES)]}/{index:06d}.jpg"
    return f"images/{index:06d}.jpg"


def _annotate(thing: Thing) -> Dict[str, Any]:
    """COCO's fields of one object; the box's edges are pixel edges."""
    rows, columns = np.flatnonzero(thing.mask.any(1)), np.flatnonzero(thing.mask.any(0))
    x, y = int(columns[0]), int(rows[0])
    return {
        "category_id": thing.label + 1,
        "bbox": [x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y],
        "area": int(thing.mask.sum()),
        "iscrowd": 0,
        "segmentation": coco.encode_mask(thing.mask),
    }


def _write_one(task: Tuple[str, int, int, str, int, Look]
               ) -> Tuple[int, str, List[Dict[str, Any]]]:
    out, seed, index, mode, side, look = task
    pixels, things, kind = render(seed, index, mode, side, look)
    Image.fromarray(pixels).save(
        os.path.join(out, _file_name(mode, index)), quality=JPEG_QUALITY)
    return index, kind, [_annotate(thing) for thing in things]


def write(out: "os.PathLike[str] | str", count: int, seed: int = 0, mode: str = "scenes",
          size: int = 160, workers: Optional[int] = None, progress: bool = True,
          look: Look = Look()) -> Path:
    """Writes `count` pictures and annotations.json (COCO) into a folder; returns the latter's path.

    mode     "scenes" (images/…jpg) or "objects" (<class>/…jpg).
    size     side of a picture in pixels, 32 … 2048.
    workers  processes; None: one per usable core. The files do not depend on it.
    look     number, size, surface and colours of the objects.
    Raises ArgumentError; DataError when the folder already has an annotations.json; OSError.
    """
    if mode not in ("scenes", "objects"):
        raise ArgumentError(f"synth: mode is {mode!r}, expected 'scenes' or 'objects'")
    if count < 1 or not 32 <= size <= 2048 or seed < 0 or (workers is not None and workers < 1):
        raise ArgumentError(
            "synth: expected count ≥ 1, size in 32 … 2048, seed ≥ 0, workers ≥ 1; got "
            f"count {count}, size {size}, seed {seed}, workers {workers}")
    _check(look)
    out = Path(out)
    target = out / "annotations.json"
    if target.exists():
        raise DataError(f"synth: {target} exists; choose another folder")
    for place in range(count):
        if (out / _file_name(mode, place)).exists():
            raise DataError(f"synth: {out / _file_name(mode, place)} exists; choose another folder")
    for name in ("images",) if mode == "scenes" else CLASSES:
        (out / name).mkdir(parents=True, exist_ok=True)
    workers = min(workers or len(os.sched_getaffinity(0)), max(1, count // 16))
    tasks = [(str(out), seed, index, mode, size, look) for index in range(count)]
    results: List[Tuple[int, str, List[Dict[str, Any]]]] = []
    if workers == 1:
        with bars.counter("rendering", "images", progress) as show:
            _collect(map(_write_one, tasks), results, count, show)
    else:
        # Workers are forked before the bar starts its thread.
        with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
            found = pool.map(_write_one, tasks, chunksize=8)
            with bars.counter("rendering", "images", progress) as show:
                _collect(found, results, count, show)
    _write_annotations(target, results, mode, size, seed)
    return target


def _check(look: Look) -> None:
    pairs = (look.objects, look.radius, look.large, look.period, look.background)
    if any(not 0 < low <= high for low, high in pairs) or max(look.radius + look.large) > 0.5:
        raise ArgumentError(
            f"synth: expected pairs 0 < least ≤ most and radii up to 0.5; got {look}")
    if not (1 <= look.patches <= 64 and 0 <= look.saturation <= 1 and 0 <= look.contrast <= 225):
        raise ArgumentError("synth: expected patches in 1 … 64, saturation in 0 … 1, contrast in "
                            f"0 … 225; got {look}")


def _collect(found: Any, results: List[Any], count: int, show: Callable[[int, int], None]) -> None:
    for result in found:
        results.append(result)
        show(len(results), count)


def _write_annotations(target: Path, results: List[Tuple[int, str, List[Dict[str, Any]]]],
                       mode: str, size: int, seed: int) -> None:
    images, annotations = [], []
    for index, kind, found in results:
        images.append({"id": index + 1, "file_name": _file_name(mode, index), "width": size,
                       "height": size, "background": kind})
        for each in found:
            annotations.append({"id": len(annotations) + 1, "image_id": index + 1, **each})
    tree = {
        "info": {"description": f"scrl synth, mode {mode}, seed {seed}, side {size}"},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": place + 1, "name": name} for place, name in enumerate(CLASSES)],
    }
    half = target.with_name(target.name + ".part")
    half.write_text(json.dumps(tree, separators=(",", ":")), "utf-8")
    half.replace(target)
