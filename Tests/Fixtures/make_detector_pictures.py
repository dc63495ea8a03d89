"""Makes fixtures of whole pictures and masks resized for a detector, by Pillow, in image/.

Run: python make_detector_pictures.py, after make_image.py, whose resample_source it resizes.
"""

import os

import numpy as np
from PIL import Image, ImageOps

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "image")
CASES = [  # shorter side, longest side, mirrored; of a picture of 60 × 90
    (60, 200, 0), (60, 200, 1), (24, 200, 0), (41, 50, 1), (97, 250, 0), (13, 19, 1), (90, 110, 0),
]


def save(name, array):
    np.save(os.path.join(HERE, name + ".npy"), np.ascontiguousarray(array, dtype=np.uint8))


def size_of(height, width, shortest, longest):
    """Detectron2's ResizeShortestEdge.get_output_shape, written anew."""
    scale = shortest / min(height, width)
    h, w = (shortest, scale * width) if height < width else (scale * height, shortest)
    if max(h, w) > longest:
        h, w = h * (longest / max(h, w)), w * (longest / max(h, w))
    return int(h + 0.5), int(w + 0.5)


def main():
    source = np.load(os.path.join(HERE, "resample_source.npy"))
    y, x = np.mgrid[0:60, 0:90]
    mask = ((np.hypot((x - 40) / 30, (y - 25) / 20) < 1) | ((x > 70) & (y % 7 < 3))).astype(np.uint8)
    sizes, pictures, masks = [], [], []
    for shortest, longest, mirrored in CASES:
        height, width = size_of(60, 90, shortest, longest)
        picture = Image.fromarray(source).resize((width, height), Image.BILINEAR)
        placed = Image.fromarray(mask).resize((width, height), Image.NEAREST)
        if mirrored:
            picture, placed = ImageOps.mirror(picture), ImageOps.mirror(placed)
        sizes.append((shortest, longest, mirrored, height, width))
        pictures.append(np.asarray(picture).reshape(-1))
        masks.append(np.asarray(placed).reshape(-1))
    save("whole_cases", np.array(sizes))
    save("whole_expected", np.concatenate(pictures))
    save("whole_mask", mask)
    save("whole_masks_expected", np.concatenate(masks))


if __name__ == "__main__":
    main()
