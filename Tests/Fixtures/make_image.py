"""Makes the fixtures of ScrlImageTests with Pillow and torchvision, next to this file in image/.
Run: python make_image.py. Seeds are fixed: another Pillow may move a byte, and then says so."""
import io
import os
import warnings
import zlib

import numpy as np
import torch
from PIL import Image, ImageOps
from torchvision.transforms import functional as F

from hashed import picture as hashed_picture

warnings.filterwarnings("ignore")
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "image")
RNG = np.random.default_rng(20210310)


def save(name, array):
    np.save(os.path.join(HERE, name + ".npy"), np.ascontiguousarray(array, dtype=np.uint8))


def picture(height, width):
    """Smooth colours with noise and hard edges: all of the range, overshoot included."""
    y, x = np.mgrid[0:height, 0:width]
    base = np.stack([127 + 127 * np.sin(x / 5), 255 * y / height, 127 + 127 * np.cos((x + y) / 9)], 2)
    base += RNG.normal(0, 30, base.shape)
    base[height // 3 : height // 2, width // 4 : width // 2] = (255, 0, 255)
    return np.clip(base, 0, 255).astype(np.uint8)


def resample():
    """Rows of cases: x, y, width, height of the crop, target width and height, flipped."""
    source = picture(60, 90)
    cases = [
        (0, 0, 90, 60, 24, 24, 0), (0, 0, 90, 60, 24, 24, 1), (0, 0, 90, 60, 40, 17, 0),
        (10, 5, 20, 15, 36, 36, 0), (60, 40, 30, 20, 31, 33, 0), (89, 59, 1, 1, 8, 8, 0),
        (3, 4, 1, 50, 16, 16, 0), (3, 4, 60, 1, 16, 16, 1), (7, 9, 32, 32, 32, 32, 0),
        (7, 9, 32, 48, 32, 24, 1), (60, 2, 3, 3, 31, 30, 0), (0, 0, 90, 60, 1, 1, 0),
    ]
    for _ in range(12):
        width, height = RNG.integers(1, 91), RNG.integers(1, 61)
        x, y = RNG.integers(0, 91 - width), RNG.integers(0, 61 - height)
        cases.append((x, y, width, height, RNG.integers(1, 44), RNG.integers(1, 44), RNG.integers(2)))
    expected = []
    for x, y, w, h, tw, th, flipped in (map(int, case) for case in cases):
        view = Image.fromarray(source).crop((x, y, x + w, y + h)).resize((tw, th), Image.BICUBIC)
        expected.append(np.asarray(F.hflip(view) if flipped else view).reshape(-1))
    save("resample_source", source)
    save("resample_cases", np.array(cases))
    save("resample_expected", np.concatenate(expected))


def centre():
    """The evaluation view at size 20 of a wide and of a tall picture."""
    for name, shape in (("wide", (35, 57)), ("tall", (61, 33))):
        source = picture(*shape)
        view = F.center_crop(F.resize(Image.fromarray(source), 52, F.InterpolationMode.BICUBIC), 20)
        save(f"centre_{name}", source)
        save(f"centre_{name}_expected", np.asarray(view))


def colour():
    """Rows of cases: operation, argument in hundredths (hue: plus 50)."""
    source = RNG.integers(0, 256, (12, 64, 3)).astype(np.uint8)
    source[:3] = picture(3, 64)
    source[3, :, :] = np.arange(64)[:, None] * 4  # grays
    image = Image.fromarray(source)
    cases, expected = [], []
    operations = [F.adjust_brightness, F.adjust_contrast, F.adjust_saturation]
    for index, operation in enumerate(operations):
        for factor in (60, 73, 100, 119, 140):
            cases.append((index, factor))
            expected.append(operation(image, factor / 100))
    for hue in (-10, -7, 0, 1, 5, 10):
        cases.append((3, hue + 50))
        expected.append(F.adjust_hue(image, hue / 100))
    cases += [(4, 0), (5, 128)]
    expected += [F.to_grayscale(image, 3), ImageOps.solarize(image, 128)]
    save("colour_source", source)
    save("colour_cases", np.array(cases))
    save("colour_expected", np.stack([np.asarray(view) for view in expected]))


def blur():
    """Resize blur by 1.1, 1.2, 1.5, then Gaussian of sigma 0.1, 1, 2 with five taps."""
    size = 40
    source = picture(size, size)
    image = Image.fromarray(source)
    expected = []
    for factor in (1.1, 1.2, 1.5):
        small = int(size // factor)
        down = F.resize(image, [small, small], F.InterpolationMode.BICUBIC)
        expected.append(np.asarray(F.resize(down, [size, size], F.InterpolationMode.BICUBIC)))
    for sigma in (0.1, 1.0, 2.0):
        tensor = F.pil_to_tensor(image).double()
        soft = F.gaussian_blur(tensor, [5, 5], [sigma, sigma])
        expected.append(soft.round().clamp(0, 255).byte().permute(1, 2, 0).numpy())
    save("blur_source", source)
    save("blur_expected", np.stack(expected))


def jpeg():
    """One picture in every kind of file, and what Pillow makes of it as RGB."""
    image = Image.fromarray(picture(21, 27))
    kinds = {
        "baseline": (image, {}),
        "full": (image, {"subsampling": 0}),
        "gray": (image.convert("L"), {}),
        "progressive": (image, {"progressive": True}),
    }
    ink = image.convert("CMYK").split()
    black = Image.fromarray(picture(21, 27)[:, :, 1] // 2)
    kinds["cmyk"] = (Image.merge("CMYK", (*ink[:3], black)), {})
    for name, (source, options) in kinds.items():
        data = io.BytesIO()
        source.save(data, "JPEG", quality=90, **options)
        with open(os.path.join(HERE, name + ".jpg"), "wb") as file:
            file.write(data.getvalue())
        save("jpeg_" + name, np.asarray(Image.open(data).convert("RGB")))


# ------------------------------------------------------------------ many cases, for Tests/Conformance
# Pictures come from their names (hashed.py), results are kept as CRC-32: rows of whole numbers.

def rows(name, values):
    np.save(os.path.join(HERE, name + ".npy"), np.array(values, np.uint32))


def crc(view):
    return zlib.crc32(np.ascontiguousarray(view).tobytes())


def many_crops():
    """Crop x, y, width, height, target width and height, flipped, CRC."""
    rng, source = np.random.default_rng(1), Image.fromarray(hashed_picture("crops", 240, 320))
    result = []
    for index in range(1500):
        w, h = rng.integers(1, 321), rng.integers(1, 241)
        x, y = rng.integers(0, 321 - w), rng.integers(0, 241 - h)
        tw, th = (96, 96) if index % 3 == 0 else rng.integers(1, 160, 2)
        flipped = rng.integers(2)
        view = source.crop((x, y, x + w, y + h)).resize((int(tw), int(th)), Image.BICUBIC)
        view = F.hflip(view) if flipped else view
        result.append((x, y, w, h, tw, th, flipped, crc(view)))
    rows("crops_many", result)


def many_blurs():
    """Size, level of 1.1, 1.2, 1.5, CRC; and the Gaussian blur of a 64² picture by four sigmas."""
    rng, result = np.random.default_rng(2), []
    for index in range(90):
        size, level = int(rng.integers(8, 257)), index % 3
        image = Image.fromarray(hashed_picture(f"blur/{index}", size, size))
        small = int(size // (1.1, 1.2, 1.5)[level])
        down = F.resize(image, [small, small], F.InterpolationMode.BICUBIC)
        result.append((size, level, crc(F.resize(down, [size, size], F.InterpolationMode.BICUBIC))))
    rows("blur_many", result)
    tensor = F.pil_to_tensor(Image.fromarray(hashed_picture("gaussian", 64, 64))).double()
    soft = [F.gaussian_blur(tensor, [7, 7], [s, s]) for s in (0.1, 0.5, 1.0, 2.0)]
    save("gaussian_many", torch.stack(soft).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy())


OPERATIONS = [F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue]


def operate(index, argument, image):
    """Operation 0 … 5 with an argument in ten-thousandths (hue: plus 5000) on an image or tensor."""
    if index == 4:
        return F.rgb_to_grayscale(image, 3)
    if index == 5:
        return F.solarize(image, 128)
    return OPERATIONS[index](image, argument / 10000 - (0.5 if index == 3 else 0))


def argument(rng, index):
    low, high = ((6000, 14001), (6000, 14001), (8000, 12001), (4000, 6001), (0, 1), (0, 1))[index]
    return int(rng.integers(low, high))


def many_colours():
    """Operation, argument, CRC on a 64² picture each, as Pillow images."""
    rng, result = np.random.default_rng(3), []
    for case in range(300):
        index = case % 6
        value = argument(rng, index)
        view = operate(index, value, Image.fromarray(hashed_picture(f"colour/{case}", 64, 64)))
        result.append((index, value, crc(np.asarray(view))))
    rows("colour_many", result)


def tensor_colours():
    """The same operations on uint8 *tensors*, which torchvision computes otherwise: the results
    of three 32² pictures each, and how far the Pillow path is from them."""
    rng, result, outputs = np.random.default_rng(4), [], []
    for case in range(18):
        index = case % 6
        value = argument(rng, index)
        image = Image.fromarray(hashed_picture(f"tensor/{case}", 32, 32))
        apart = operate(index, value, F.pil_to_tensor(image)).permute(1, 2, 0).numpy()
        distance = np.abs(np.asarray(operate(index, value, image)).astype(int) - apart).max()
        result.append((index, value, distance))
        outputs.append(apart)
    rows("colour_tensor", result)
    save("colour_tensor_expected", np.stack(outputs))


if __name__ == "__main__":
    os.makedirs(HERE, exist_ok=True)
    resample()
    centre()
    colour()
    blur()
    jpeg()
    many_crops()
    many_blurs()
    many_colours()
    tensor_colours()
