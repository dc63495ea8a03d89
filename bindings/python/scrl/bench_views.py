"""Benchmark of the two views: JPEG → pixels → both views and boxes, on one thread.

First some views of the `simple` recipe, which are a crop, a flip and a resize, are compared with
Pillow's; then the whole recipe is timed. The pictures are a dataset's, or photo-like and made here.
"""

import io
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np

from . import pictures
from .bench import peak_bytes
from .config import Config
from .dataset import Dataset
from .packing import _Writer
from .errors import DataError
from .views import views

SIZES = ((500, 375), (640, 480), (500, 333), (480, 640))  # width, height: common photos
MADE = 24
CHECKED = 8
# Coarse shapes, textures, grain: the side of a noise cell in pixels, and its weight.
OCTAVES = ((64, 0.6), (16, 0.25), (4, 0.1), (1, 0.05))


def _photo(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """(H,W,3) uint8: noise of several scales, which compresses as a photo does (0.1 … 0.2)."""
    total = np.zeros((height, width, 3))
    for cell, weight in OCTAVES:
        rows, columns = height // cell + 2, width // cell + 2
        values = rng.integers(0, 256, (rows, columns, 3)).astype(float)
        y, x = (np.arange(count) / cell for count in (height, width))
        i, j = y.astype(int), x.astype(int)
        fy, fx = (y - i)[:, None, None], (x - j)[None, :, None]
        upper = values[i][:, j] * (1 - fx) + values[i][:, j + 1] * fx
        lower = values[i + 1][:, j] * (1 - fx) + values[i + 1][:, j + 1] * fx
        total += weight * (upper * (1 - fy) + lower * fy)
    return total.clip(0, 255).astype(np.uint8)


def make_photos(out: Path, count: int = MADE, seed: int = 1) -> None:
    """A dataset of photo-like JPEGs: Pillow's 4:2:0 of quality 90, else the library's 4:4:4."""
    rng = np.random.default_rng(seed)
    writer = _Writer(out)
    for number in range(count):
        pixels = _photo(*SIZES[number % len(SIZES)], rng)
        try:
            from PIL import Image
        except ImportError:
            writer.add_rgb(pixels)
            continue
        file = out.with_name(f"{number}.jpg")
        Image.fromarray(pixels).save(file, quality=90)
        writer.add_file(file)
        file.unlink()
    writer.finish()


def _config(size: int, augmentation: str) -> Config:
    return Config("scrl-200ep", **{"views.size": size, "views.augmentation": augmentation,
                                   "boxes.min_size": min(32, size // 2)})


def check(data: Dataset, size: int, count: int = CHECKED) -> Optional[int]:
    """Compares `count` images' simple views with Pillow's crop and resize, byte for byte.

    Returns how many views were compared; None without Pillow. Raises DataError when one differs.
    Before Pillow 13, crops that lose much more height than width are left out: it resized their
    rows first; later ones and the library begin with their columns.
    """
    try:
        from PIL import Image, __version__ as version
    except ImportError:
        return None
    rows_first = int(version.split(".")[0]) < 13
    config = _config(size, "simple")
    compared = 0
    for index in range(min(count, len(data))):
        picture = Image.open(io.BytesIO(data.jpeg(index))).convert("RGB")
        pair = views(data, config, 0, index)
        for view, crop, flip in ((pair.view1, pair.crop1, pair.flip1),
                                 (pair.view2, pair.crop2, pair.flip2)):
            y, x, height, width = crop
            if rows_first and height - size > max(0, 2 * (width - size)):
                continue
            wanted = picture.crop((x, y, x + width, y + height)).resize(
                (size, size), Image.Resampling.BICUBIC)
            if flip:
                wanted = wanted.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            pixels = np.rint((view.transpose(1, 2, 0) * pictures.DEVIATION + pictures.MEAN) * 255)
            if not np.array_equal(pixels, np.asarray(wanted)):
                raise DataError(f"views: image {index}, crop {crop} is unlike Pillow's resize")
            compared += 1
    return compared


def _rates(work: Callable[[int], Any], seconds: float) -> Tuple[float, float]:
    """Calls of work(number) per second and per CPU second, over at least `seconds`."""
    work(0)
    start, cpu = time.perf_counter(), time.process_time()
    count = 0
    while time.perf_counter() - start < seconds or count == 0:
        work(count)
        count += 1
    return (count / (time.perf_counter() - start),
            count / max(time.process_time() - cpu, 1e-9))


def measure(data: Optional[str] = None, size: int = 224, seconds: float = 5.0) -> Dict[str, Any]:
    """Checks, then times views() of the preset scrl-200ep at `size`; one image is both its views.

    Returns images_per_second, images_per_cpu_second, decode_share (decoding's part of the time,
    measured by reading the same images alone for a fifth of `seconds`; handing their pixels over
    is in it), parts (CPU seconds of an image), peak_bytes of this process, checked (views compared
    with Pillow; None without it) and config.
    """
    with tempfile.TemporaryDirectory() as folder:
        if data is None:
            made = Path(folder) / "photos.h5"
            make_photos(made)
        with Dataset(made if data is None else data) as opened:
            count = len(opened)
            if not count:
                raise DataError(f"views: {data} has no images")
            checked = check(opened, size)
            config = _config(size, "simclr")
            for index in range(min(count, 8)):
                views(opened, config, 0, index)  # memory and tables as in the middle of a run
            wall, cpu = _rates(lambda k: views(opened, config, k // count, k % count), seconds)
            _, decode = _rates(lambda k: opened[k % count], seconds / 5)
    return {"images_per_second": wall, "images_per_cpu_second": cpu, "decode_share": cpu / decode,
            "parts": {"decode": 1 / decode, "views": 1 / cpu - 1 / decode},
            "peak_bytes": peak_bytes(), "checked": checked,
            "config": {"data": data, "size": size, "seconds": seconds, "images": count}}
