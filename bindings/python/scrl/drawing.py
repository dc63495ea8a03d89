"""Pictures for a detector, and detections drawn on them, with Pillow."""

import os
from typing import Any, List, Tuple

import numpy as np

from .detector import Detections
from .outputs import PICTURE
from .pictures import COLOURS
from .reading import Picture, Rules, read

MASK_SHARE = 0.45  # of the colour in a mask's pixels


def read_picture(path: "os.PathLike[str] | str", rules: Rules = Rules()) -> Tuple[np.ndarray, Picture]:
    """(H,W,3) uint8 of a picture file, as pack() would store it, and what is known of the file. Raises
    DataError, OSError."""
    os.stat(path)  # OSError for what is not there
    picture = read(os.fsencode(path), "not a picture that Pillow knows", rules, takes_jpeg=True)
    return picture.upright(rules), picture


def read_rgb(path: "os.PathLike[str] | str") -> np.ndarray:
    """(H,W,3) uint8 of a picture file, as pack() would store it. Raises DataError, OSError."""
    return read_picture(path)[0]


def draw(pixels: np.ndarray, found: Detections, names: List[str]) -> Any:
    """A Pillow image: masks tinted, boxes outlined, class and score written (a NaN is not); best on
    top."""
    from PIL import Image, ImageColor, ImageDraw

    painted = np.array(pixels, np.float32)
    order = range(len(found) - 1, -1, -1)
    colours = [COLOURS[int(label) % len(COLOURS)] for label in found.labels]
    if found.masks is not None:
        for index in order:
            inside = found.mask(index)
            tint = np.array(ImageColor.getrgb(colours[index]), np.float32)
            painted[inside] = (1 - MASK_SHARE) * painted[inside] + MASK_SHARE * tint
    image = Image.fromarray(np.clip(painted + 0.5, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    width = max(1, round(min(image.size) / 200))
    for index in order:
        x0, y0, x1, y1 = (float(side) for side in found.boxes[index])
        pen.rectangle([x0, y0, max(x1 - 1, x0), max(y1 - 1, y0)], outline=colours[index],
                      width=width)
        label = int(found.labels[index])
        name = names[label] if 0 <= label < len(names) else ""
        score = found.scores[index]
        name = name or (str(label) if label >= 0 else "no class")
        told = name if np.isnan(score) else f"{name} {score:.2f}"
        text = told.encode("latin-1", "replace").decode("latin-1")
        place = pen.textbbox((x0 + 1, max(y0 - 11, 0)), text)
        pen.rectangle(place, fill=colours[index])
        pen.text((x0 + 1, max(y0 - 11, 0)), text, fill="#000000")
    return image


def save(image: Any, path: str) -> None:
    """Writes a drawn picture as JPEG, marked so that it is known again (outputs.PICTURE)."""
    from PIL import Image

    facts = Image.Exif()
    facts[0x0131] = PICTURE  # Software
    image.save(path, "JPEG", quality=92, exif=facts)
