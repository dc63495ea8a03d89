"""Peer: both augmented views of a JPEG on Pillow and torchvision, the work of `scrl bench views`.

One process and one thread, the JPEG bytes in memory; decode, crop, flip, colours, blur, solarise,
normalised float32. Boxes cost next to nothing and are left out.

    python bench/torch_views.py photos/*.jpg --seconds 10
"""

import argparse
import io
import random
import time

import PIL
import torch
import torchvision
from PIL import Image, ImageOps
from torchvision import transforms
from torchvision.transforms import functional as F

from peer_result import print_result

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BICUBIC = transforms.InterpolationMode.BICUBIC


def shrink_and_enlarge(image):
    """The published recipe's blur."""
    side = image.size[0]
    less = int(side // random.choice((1.1, 1.2, 1.5)))
    return F.resize(F.resize(image, [less, less], BICUBIC), [side, side], BICUBIC)


def solarise(image):
    return ImageOps.solarize(image, 128)


def recipe(size, blur, solar):
    """A view; `blur` and `solar` are probabilities, which differ between the two."""
    some = transforms.RandomApply
    return transforms.Compose([
        transforms.RandomResizedCrop(size, scale=(0.2, 1.0), interpolation=BICUBIC),
        transforms.RandomHorizontalFlip(0.5),
        some([transforms.ColorJitter(0.4, 0.4, 0.2, 0.1)], p=0.8),
        transforms.RandomGrayscale(0.2),
        some([transforms.Lambda(shrink_and_enlarge)], p=blur),
        some([transforms.Lambda(solarise)], p=solar),
        transforms.ToTensor(), transforms.Normalize(MEAN, DEVIATION)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="+")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--seconds", type=float, default=5.0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    random.seed(0)
    torch.manual_seed(0)
    streams = []
    for path in asked.images:
        with open(path, "rb") as file:
            streams.append(file.read())
    one, two = recipe(asked.size, 1.0, 0.0), recipe(asked.size, 0.1, 0.2)

    def views(number):
        image = Image.open(io.BytesIO(streams[number % len(streams)])).convert("RGB")
        return one(image), two(image)

    for number in range(8):
        views(number)
    start, cpu, count = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - start < asked.seconds or count == 0:
        views(count)
        count += 1
    elapsed, used = time.perf_counter() - start, time.process_time() - cpu
    print_result(images_per_second=count / elapsed, images_per_cpu_second=count / used,
                 config={"size": asked.size, "seconds": asked.seconds, "images": len(streams)},
                 versions={"torch": torch.__version__, "torchvision": torchvision.__version__,
                           "pillow": PIL.__version__})


if __name__ == "__main__":
    main()
