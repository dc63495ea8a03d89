"""Correspondence as pictures: where each place of one view finds itself in another view.

For each cell of view 1 whose centre view 2 shows, the cell of view 2 with the most similar features
(cosine) is taken. The error is the distance from its centre to the place itself, in cells of view 2:
up to 1 counts as right.
Letters: S side of a view, h×w cells of a feature map, K matches.
"""

from typing import List, NamedTuple, Sequence, Tuple

import numpy as np

from .model import Model
from .pictures import pixels_of_view
from .views import Crop, ViewPair

PICTURE_SIDE = 288
GAP = 24
RIGHT, NEAR, WRONG = (46, 160, 67), (240, 180, 30), (215, 50, 50)  # error up to 1, 2, from 4 on


class Matches(NamedTuple):
    """The matches of one pair of views."""

    places: np.ndarray  # (K,2) x, y in pixels of view 1: the centres of its cells
    found: np.ndarray   # (K,2) in pixels of view 2: the centres of the cells taken
    true: np.ndarray    # (K,2) in pixels of view 2: where the places are
    errors: np.ndarray  # (K) in cells of view 2

    @property
    def right(self) -> float:
        """Share of matches at most a cell away; NaN without matches."""
        return float((self.errors <= 1).mean()) if len(self.errors) else float("nan")


def to_image(points: np.ndarray, crop: Crop, flip: bool, side: int) -> np.ndarray:
    """Places (K,2) x, y of a view in pixels of its image. crop: y, x, height, width."""
    x = side - points[:, 0] if flip else points[:, 0]
    return np.stack([crop[1] + x * crop[3] / side, crop[0] + points[:, 1] * crop[2] / side], 1)


def to_view(points: np.ndarray, crop: Crop, flip: bool, side: int) -> np.ndarray:
    """The reverse of to_image()."""
    x = (points[:, 0] - crop[1]) * side / crop[3]
    return np.stack([side - x if flip else x, (points[:, 1] - crop[0]) * side / crop[2]], 1)


def centres(rows: int, columns: int, side: int) -> np.ndarray:
    """(h·w,2): x, y of the cells' centres in a view of S pixels, row by row."""
    y, x = np.meshgrid((np.arange(rows) + 0.5) * side / rows,
                       (np.arange(columns) + 0.5) * side / columns, indexing="ij")
    return np.stack([x.ravel(), y.ravel()], 1)


def match(map1: np.ndarray, map2: np.ndarray, pair: ViewPair) -> Matches:
    """Matches of two feature maps (C,h,w), one of each view."""
    side = pair.view1.shape[-1]
    places = centres(*map1.shape[1:], side)
    true = to_view(to_image(places, pair.crop1, pair.flip1, side), pair.crop2, pair.flip2, side)
    shown = ((true >= 0) & (true < side)).all(1)

    def unit(features: np.ndarray) -> np.ndarray:
        rows = features.reshape(features.shape[0], -1).T.astype(np.float64)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)

    best = (unit(map1)[shown] @ unit(map2).T).argmax(1)
    found = centres(*map2.shape[1:], side)[best]
    cell = np.array([side / map2.shape[2], side / map2.shape[1]])
    errors = np.linalg.norm((found - true[shown]) / cell, axis=1)
    return Matches(places[shown], found, true[shown], errors)


def of_pairs(model: Model, pairs: Sequence[ViewPair], stage: str) -> List[Matches]:
    """The matches of each pair, by a model's features."""
    found = []
    for pair in pairs:
        maps = model.features(np.stack([pair.view1, pair.view2]), stage)
        found.append(match(maps[0], maps[1], pair))
    return found


def colour_of(error: float) -> Tuple[int, ...]:
    """Green up to a cell, then through amber to red at four."""
    if error <= 1:
        return RIGHT
    share, first, last = ((error - 1, RIGHT, NEAR) if error <= 2
                          else (min(1.0, (error - 2) / 2), NEAR, WRONG))
    return tuple(round(a + share * (b - a)) for a, b in zip(first, last))


def draw(pair: ViewPair, matches: Matches, most: int = 14) -> np.ndarray:
    """Both views side by side, lines between matched cells coloured by their errors."""
    from PIL import Image, ImageDraw

    scale = PICTURE_SIDE / pair.view1.shape[-1]
    canvas = Image.new("RGB", (2 * PICTURE_SIDE + GAP, PICTURE_SIDE), (128, 128, 128))
    for place, view in enumerate((pair.view1, pair.view2)):
        picture = Image.fromarray(pixels_of_view(view))
        canvas.paste(picture.resize((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.BICUBIC),
                     (place * (PICTURE_SIDE + GAP), 0))
    pen = ImageDraw.Draw(canvas)
    chosen = np.unique(np.linspace(0, len(matches.errors) - 1, most).round().astype(int)) if len(
        matches.errors) else []
    for index in sorted(chosen, key=lambda each: matches.errors[each]):  # the wrong ones on top
        x0, y0 = matches.places[index] * scale
        x1, y1 = matches.found[index] * scale
        x1 += PICTURE_SIDE + GAP
        colour = colour_of(float(matches.errors[index]))
        pen.line([x0, y0, x1, y1], fill=(0, 0, 0), width=4)
        pen.line([x0, y0, x1, y1], fill=colour, width=2)
        for x, y in ((x0, y0), (x1, y1)):
            pen.ellipse([x - 4, y - 4, x + 4, y + 4], fill=colour, outline=(0, 0, 0))
    return np.asarray(canvas)
