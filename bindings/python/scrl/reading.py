"""Picture files by Pillow: pixels as the file stores them, and what else of it must be known.

First frame; alpha composited on white; integers of more than 8 bits scaled to 8. What is no wrong
number but a guess or a choice is told in the picture's notes.
"""

import io
import os
import stat
import sys
import threading
import warnings
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from ._abi import is_hidden
from .errors import ArgumentError, DataError

LONGEST_SIDE, MOST_PIXELS = 65_500, 1 << 28  # RGBImage.maxSide, maxPixels: the limits of every way in
PILLOWS_LIMIT = 89_478_485                   # its default for Image.MAX_IMAGE_PIXELS
ORIENTATION = 0x0112                         # EXIF's tag and TIFF's
BITS_PER_SAMPLE, MAX_SAMPLE_VALUE = 258, 281  # TIFF's
DEPTHS = (8, 10, 12, 14, 16)

_lock = threading.RLock()  # of Pillow's global settings


# Endings of picture files, of cameras' raw ones too, and how the common ones begin.
PICTURE_ENDINGS = frozenset(
    ".jpg .jpeg .jpe .jfif .png .apng .bmp .dib .gif .tif .tiff .webp .ppm .pgm .pbm .pnm .pfm .jp2 "
    ".j2k .jpx .jxl .heic .heif .hif .avif .ico .tga .dng .cr2 .cr3 .nef .arw .raf .raw .orf .rw2 .pef "
    ".psd .exr .hdr .pcx .sgi .dds .dcm".split())
PICTURE_STARTS = (b"\xff\xd8", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def means_picture(path: bytes) -> bool:
    """Whether what lies there is a picture by its name or its first bytes, or a folder, which may hold
    some; not a text, a table or an archive beside pictures."""
    if os.path.splitext(path)[1].lower().decode("latin-1") in PICTURE_ENDINGS or os.path.isdir(path):
        return True
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        with open(path, "rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return head.startswith(PICTURE_STARTS) or (head[:4] == b"RIFF" and head[8:] == b"WEBP")


class Rules(NamedTuple):
    """What is done about pictures that are not as they seem; the arguments of pack()."""

    orientation: str = "apply"
    on_truncated: str = "skip"
    bits: Optional[int] = None

    def checked(self, caller: str) -> "Rules":
        """Itself; ArgumentError for a value that is none of those known."""
        for name, known in (("orientation", ("apply", "ignore", "refuse")),
                            ("on_truncated", ("skip", "keep"))):
            if getattr(self, name) not in known:
                wanted = ", ".join(map(repr, known[:-1])) + f" or {known[-1]!r}"
                raise ArgumentError(f"{caller}: {name} is {getattr(self, name)!r}, expected {wanted}")
        bits = self.bits
        if bits is not None and (isinstance(bits, bool) or not hasattr(bits, "__index__")
                                 or not 8 <= bits <= 16):
            raise ArgumentError(f"{caller}: bits is {bits!r}, expected a number of 8 to 16, or None")
        return self


class Picture(NamedTuple):
    """A file's picture as it is stored."""

    pixels: np.ndarray    # (H,W,3) uint8
    orientation: int      # EXIF's, 1 … 8
    notes: List[str]      # one line each
    bits: Optional[int]   # those that a file of more than 8 bits holds
    truncated: bool       # the file ends early: what is missing is black
    several: bool         # it holds more frames or pages than this one

    def upright(self, rules: Rules) -> np.ndarray:
        """(H,W,3): the pixels by rules.orientation; DataError where that refuses them."""
        if self.orientation == 1 or rules.orientation == "ignore":
            return self.pixels
        if rules.orientation == "refuse":
            raise DataError(f"orientation: EXIF says {self.orientation} · "
                            "expected upright pixels, 1, as was asked")
        return turned(self.pixels, self.orientation)


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """(H,W,3) pixels that a file stores with this EXIF orientation (1 … 8), as they are looked at."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def read(path: bytes, reason: str, rules: Rules = Rules(), takes_jpeg: bool = False) -> Picture:
    """A file's picture by Pillow; DataError says why it cannot be had.

    reason      told of files that Pillow does not know either, and of JPEG files, which the library
                has refused, but for takes_jpeg.
    """
    from PIL import UnidentifiedImageError

    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise DataError(reason)
        with open(path, "rb") as file:
            if file.read(2) == b"\xff\xd8" and not takes_jpeg:
                raise DataError(reason)
        try:
            return _decode(path, rules, False)
        except Exception as error:
            if rules.on_truncated == "skip" or "truncated" not in str(error).lower():
                raise
            return _decode(path, rules, True)
    except DataError:
        raise
    except UnidentifiedImageError:
        raise DataError(reason) from None
    except MemoryError:
        raise DataError("too large to decode") from None
    except Exception as error:  # Pillow's decoders raise almost anything on damaged files
        raise DataError(f"cannot be decoded: {one_line(error)}") from None


def one_line(error: BaseException) -> str:
    """An error's text in one line, never empty."""
    return " ".join(str(error).split()) or type(error).__name__


def files_below(folder: str) -> Tuple[List[str], List[str]]:
    """Paths of the files below a folder in their order, links followed; and the hidden files and
    folders that are left out, as by pack()."""
    files: List[str] = []
    hidden: List[str] = []
    entered = set()
    for here, folders, names in os.walk(folder, followlinks=True):
        status = os.stat(here)
        if (status.st_dev, status.st_ino) in entered:  # by a link: once is enough
            folders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        hidden += [os.path.join(here, each) for each in (*folders, *names) if is_hidden(each)]
        folders[:] = sorted(each for each in folders if not is_hidden(each))
        paths = (os.path.join(here, each) for each in names if not is_hidden(each))
        files += [path for path in paths if os.path.isfile(path)]
    return sorted(files), sorted(hidden)


@contextmanager
def _pillow(path: bytes, truncated: bool) -> Iterator[Any]:
    """An open image, Pillow's global settings ours meanwhile: our limits, no warnings on stderr."""
    from PIL import Image, ImageFile

    with _lock, warnings.catch_warnings(), open(path, "rb") as file:
        warnings.simplefilter("ignore")
        before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = None, truncated
        try:
            with Image.open(file) as image:
                _check_size(*image.size, before[0])
                yield image
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before


def _check_size(width: int, height: int, hosts_limit: Optional[int]) -> None:
    if not (0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE and width * height <= MOST_PIXELS):
        raise DataError(f"decode: image is {width}×{height}, expected sides up to {LONGEST_SIDE} and "
                        f"at most {MOST_PIXELS} pixels")
    # A host that has lowered Pillow's limit means it; Pillow itself refuses twice as many.
    if hosts_limit is not None and hosts_limit < PILLOWS_LIMIT and width * height > 2 * hosts_limit:
        raise DataError(f"decode: image is {width}×{height}, expected at most {2 * hosts_limit} pixels: "
                        f"PIL.Image.MAX_IMAGE_PIXELS is {hosts_limit}")


def _decode(path: bytes, rules: Rules, truncated: bool) -> Picture:
    from PIL import Image

    notes: List[str] = []
    with _pillow(path, truncated) as image:
        several = _has_several(image)
        raw = _raw_mode(image)
        orientation, is_turned = _load(image)
        if truncated:
            notes.append(_rows_there(np.asarray(image)))
        bits: Optional[int] = None
        deep: Optional[np.ndarray] = None
        if image.mode == "F":
            raise DataError("pixels are floating point, their range is unknown")
        if image.mode.startswith("I"):
            deep = np.asarray(image)[:, :, None]
        elif ";16" in raw:
            bits, deep = _low_bits(path, rules, truncated, image, raw)
        if deep is not None:
            pixels, bits = _eight_bits(image, deep, rules, notes)
            image = Image.fromarray(pixels) if pixels.shape[2] == 4 else None
        if image is not None:
            pixels = _on_white(image)
    if is_turned:
        pixels = _as_stored(pixels, orientation)
    if several:
        notes.append("holds several frames or pages: the first was taken")
    return Picture(pixels, orientation, notes, bits, truncated, several)


def _on_white(image: Any) -> np.ndarray:
    from PIL import Image

    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        front = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", front.size, (255, 255, 255, 255)), front)
    return np.ascontiguousarray(image.convert("RGB"))


def _rows_there(pixels: np.ndarray) -> str:
    """What is told of a file that ends early; DataError when nothing of it is there."""
    rows = int(pixels.reshape(len(pixels), -1).any(1).sum())
    if not rows:
        raise DataError("cut short: nothing of the picture is there")
    return f"cut short: {rows} of {len(pixels)} rows are there, the rest is empty"


def _has_several(image: Any) -> bool:
    try:  # layers are parts of one picture, not frames; so are an MPO's previews
        return bool(getattr(image, "is_animated", False)) and image.format not in ("PSD", "MPO")
    except Exception:
        return False


# ------------------------------------------------------------------ orientation

def upright_size(path: bytes) -> Tuple[int, int]:
    """Width and height of a picture file as it is looked at, JPEG files too. Raises DataError, OSError,
    and whatever Pillow raises on damaged files."""
    with _pillow(path, False) as image:
        width, height = image.size
        tags = getattr(image, "tag_v2", None)
        orientation = _exif_orientation(image) if tags is None else _valid(tags.get(ORIENTATION, 1))
        if orientation >= 5 and tags is not None or image.format == "PNG" and _tells_late(path, image):
            try:
                orientation, is_turned = _load(image)
            except Exception:  # cut short: what is known has to do
                is_turned = False
            if is_turned:
                return image.size
        return (height, width) if orientation >= 5 else (width, height)


def _tells_late(path: bytes, image: Any) -> bool:
    """Whether a PNG has EXIF behind its pixels, which are read first."""
    if image.info.get("exif"):
        return False
    with open(path, "rb") as file:
        data = file.read()
    return b"eXIf" in data or b"Raw profile type exif" in data


def _load(image: Any) -> Tuple[int, bool]:
    """Loads the pixels; the orientation, 1 … 8, and whether Pillow has turned them by it already: most
    of its versions do that with TIFF files, and with no others."""
    tags = getattr(image, "tag_v2", None)
    orientation = 1 if tags is None else _valid(tags.get(ORIENTATION, 1))
    compressed = bool(getattr(image, "tile", None)) and image.tile[0][0] == "libtiff"
    image.load()
    if tags is None:
        return _exif_orientation(image), False
    return orientation, orientation > 1 and _turns_tiffs(compressed)


@lru_cache(None)
def _turns_tiffs(compressed: bool) -> bool:
    """Whether this Pillow turns a TIFF as it loads it: a black pixel above a white one, stored upside
    down."""
    from PIL import Image, TiffImagePlugin

    tags, stream = TiffImagePlugin.ImageFileDirectory_v2(), io.BytesIO()
    tags[ORIENTATION] = 3
    Image.fromarray(np.array([[255], [0]], np.uint8)).save(
        stream, "TIFF", tiffinfo=tags, compression="tiff_lzw" if compressed else None)
    with Image.open(stream) as image:
        return int(np.asarray(image)[0, 0]) == 0


def _exif_orientation(image: Any) -> int:
    """1 … 8; EXIF's only, as in JPEG files: XMP's is not looked at."""
    from PIL import Image

    data = image.info.get("exif")
    profile = image.info.get("Raw profile type exif")  # how ImageMagick writes it into a PNG
    try:
        if data is None and profile:
            data = bytes.fromhex("".join(profile.split("\n")[3:]))
        if not data:
            return 1
        exif = Image.Exif()
        exif.load(data)
        return _valid(exif.get(ORIENTATION, 1))
    except Exception:  # damaged EXIF says nothing
        return 1


def _valid(value: Any) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _as_stored(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """What turned() made these of: 6 and 8 undo each other, the others themselves."""
    return turned(pixels, {6: 8, 8: 6}.get(orientation, orientation))


# ------------------------------------------------------------------ more than 8 bits

def _raw_mode(image: Any) -> str:
    """How the file's samples lie, such as "RGB;16B"; "" where Pillow does not say."""
    if not getattr(image, "tile", None):
        return ""
    given = image.tile[0][3]
    given = given[0] if isinstance(given, (tuple, list)) and given else given
    return given if isinstance(given, str) else ""


def _with_raw_mode(tile: Any, raw: str) -> Any:
    """A tile of Pillow's (decoder, place, offset, arguments) whose samples are read in another way."""
    given = (raw, *tile[3][1:]) if isinstance(tile[3], (tuple, list)) else raw
    return tile._replace(args=given) if hasattr(tile, "_replace") else (*tile[:3], given)


def _low_bits(path: bytes, rules: Rules, truncated: bool, image: Any,
              raw: str) -> Tuple[Optional[int], Optional[np.ndarray]]:
    """(16, None) where the high bytes, which are all that Pillow gives, hold the picture; else
    (None, values), (H,W,C) of both bytes."""
    high = np.asarray(image)
    high = high[:, :, None] if high.ndim == 2 else high
    colours = high[:, :, :3] if image.mode in ("RGBA", "RGBX") else high
    if rules.bits in (None, 16) and colours.max(initial=0) >= 64:
        return 16, None
    if raw == "LA;16B":
        other = "RGBA"  # a pixel's four bytes: gray high and low, alpha high and low
    elif raw.endswith(";16L") or raw.endswith(";16N") and sys.byteorder == "big":
        other = raw[:-1] + "B"
    else:
        other = raw[:-1] + ("L" if raw.endswith("B") else "B")
    with _pillow(path, truncated) as again:
        again.tile = [_with_raw_mode(tile, other) for tile in again.tile]
        again.load()
        low = np.asarray(again)
    if raw == "LA;16B":
        both = low.astype(np.uint16)
        gray, alpha = both[:, :, 0] << 8 | both[:, :, 1], both[:, :, 2] << 8 | both[:, :, 3]
        return None, np.stack([gray, gray, gray, alpha], 2)
    low = low[:, :, None] if low.ndim == 2 else low
    return None, high.astype(np.uint16) << 8 | low


def _eight_bits(image: Any, values: np.ndarray, rules: Rules,
                notes: List[str]) -> Tuple[np.ndarray, int]:
    """(H,W,3 or 4) uint8 of integers (H,W,1, 3 or 4), the last of four alpha; and their bits."""
    colours = values[:, :, :3] if values.shape[2] == 4 else values
    low, high = int(colours.min(initial=0)), int(colours.max(initial=0))
    if low < 0 or high > 65535:
        raise DataError(f"pixels are integers of {low} … {high}, expected 0 … 65535")
    bits = rules.bits if rules.bits is not None else _known_bits(image)
    if bits is None:
        bits = next(depth for depth in DEPTHS if high < 1 << depth)
        if not high:
            notes.append("all its values are 0")
        elif bits < 16:
            notes.append(f"values of a 16-bit file end at {high}: taken as {bits} bits, scaled by "
                         f"{(1 << bits) - 1}")
    if high >= 1 << bits:
        raise DataError(f"values up to {high}, expected {bits} bits, at most {(1 << bits) - 1}")
    scaled = _scaled(colours, bits)
    if scaled.shape[2] == 1:
        scaled = np.repeat(scaled, 3, axis=2)
    if values.shape[2] == 4:
        alpha = values[:, :, 3:]
        fits = alpha.max(initial=0) < 1 << bits
        scaled = np.concatenate([scaled, _scaled(alpha, bits if fits else 16)], 2)
    return np.ascontiguousarray(scaled), int(bits)


def _scaled(values: np.ndarray, bits: int) -> np.ndarray:
    return (values.astype(np.uint32) * 255 // ((1 << bits) - 1)).astype(np.uint8)


def _known_bits(image: Any) -> Optional[int]:
    """Where the file itself tells the depth of its samples. PNG's sBIT does not: its samples are
    scaled to 16 bits whatever it says."""
    if image.format in ("PPM", "JPEG2000"):
        return 16  # Pillow scales by the file's own range
    tags = getattr(image, "tag_v2", None)
    if tags is None:
        return None
    depth, top = tags.get(BITS_PER_SAMPLE), tags.get(MAX_SAMPLE_VALUE)
    depth = depth[0] if isinstance(depth, tuple) and depth else depth
    top = top[0] if isinstance(top, tuple) and top else top
    if isinstance(depth, int) and 8 < depth < 16:
        return depth
    known = {(1 << each) - 1: each for each in range(8, 17)}
    return known.get(top) if isinstance(top, int) else None
