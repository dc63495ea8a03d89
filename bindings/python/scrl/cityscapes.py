"""Cityscapes folders: gtFine/<split>/<city>/*_gtFine_polygons.json beside leftImg8bit/….png.

Objects are painted in the file's order, so that a later one covers what lies behind it, as the data
set's own instance pictures are made; where such a picture (*_gtFine_instanceIds.png) is there, it is
read instead. Its values: class · 1000 + n for one object, the class alone for a group.
"""

import json
import os
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from . import label_maps
from ._abi import PathLike, is_hidden
from .annotation_files import Pictures, Unusable, read_text, refuse
from .dataset import Dataset
from .errors import FormatError, StorageError
from .pack_report import issue_of, note_of

INSTANCES = {"person": 24, "rider": 25, "car": 26, "truck": 27, "bus": 28, "train": 31,
             "motorcycle": 32, "bicycle": 33}
# What covers others without being counted itself.
SURFACES = frozenset((
    "unlabeled", "ego vehicle", "rectification border", "out of roi", "static", "dynamic", "ground",
    "road", "sidewalk", "parking", "rail track", "building", "wall", "fence", "guard rail", "bridge",
    "tunnel", "pole", "polegroup", "traffic light", "traffic sign", "vegetation", "terrain", "sky",
    "caravan", "trailer"))
UNPAINTED = "license plate"
LONGEST_SIDE = 65535
LONGEST = 64 << 20  # bytes of one JSON file
ENDING = "_gtFine_polygons.json"
MOST = 1000  # objects of a class in an instance picture: its values are class × 1000 + number


def _read(path: str, picture: Optional[str]) -> Tuple[int, int, List[Any]]:
    """Height, width and objects of a polygon file; the picture tells the sides that it lacks."""
    try:
        tree = json.loads(read_text(path, LONGEST))
        objects = tree["objects"]
        height, width = (_side(tree.get(name)) for name in ("imgHeight", "imgWidth"))
        if picture is not None and (height is None or width is None):
            known = _size(picture)
            if (width or known[0], height or known[1]) == known:
                width, height = known
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path}: is no polygon file: {error!r}") from None
    if height is None or width is None:
        raise FormatError(f"{path}: the image has {tree.get('imgWidth')!r}×{tree.get('imgHeight')!r} pixels")
    if height * width > 1 << 28 or not isinstance(objects, list):
        raise FormatError(f"{path}: too large, or its objects are no list")
    return height, width, objects


def _side(value: Any) -> Optional[int]:
    """A whole number of pixels, also one in quotes; None for anything else."""
    try:
        side = int(value) if float(value) == int(value) and not isinstance(value, bool) else 0
    except (OverflowError, TypeError, ValueError):
        return None
    return side if 0 < side <= LONGEST_SIDE else None


def _size(picture: str) -> Tuple[int, int]:
    from PIL import Image

    try:
        with Image.open(picture) as image:
            return image.size
    except Exception as error:  # Pillow's decoders raise almost anything on damaged files
        raise FormatError(f"{picture}: cannot be opened: {error}") from None


def _is_known(label: str) -> bool:
    name = label[:-len("group")] if label not in SURFACES and label.endswith("group") else label
    return name == UNPAINTED or name in INSTANCES or name in SURFACES


def _value(label: str, counts: Dict[int, int], path: str) -> Optional[int]:
    """What an object is painted with; None: it is not."""
    is_group = label not in INSTANCES and label not in SURFACES and label.endswith("group")
    name = label[:-len("group")] if is_group else label
    if name == UNPAINTED:
        return None
    if name in INSTANCES:
        number = INSTANCES[name]
        if is_group:
            return number
        counts[number] = counts.get(number, 0) + 1
        if counts[number] > MOST:
            raise FormatError(f"{path}: more than {MOST} of {name}; an instance picture holds no more")
        return number * 1000 + counts[number] - 1
    if name in SURFACES:
        return 0
    raise FormatError(f"{path}: label {label!r} is none of Cityscapes")


def _corners(each: Any) -> Tuple[str, List[Tuple[float, float]]]:
    """Label and polygon of an object; FormatError says what is wrong with it."""
    try:
        label = str(each["label"])
        corners = [(float(x), float(y)) for x, y in each["polygon"]]
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise FormatError(f"is not well formed: {error!r}") from None
    if not all(abs(side) <= 2 * LONGEST_SIDE for corner in corners for side in corner):
        raise FormatError("has corners that are no pixels")
    return label, corners


def _painted(path: str, picture: Optional[str] = None, file: str = "",
             issues: Optional[List[Dict[str, Any]]] = None) -> np.ndarray:
    """(H,W) int32 of a polygon file; objects that cannot be painted are left out and told."""
    from PIL import Image, ImageDraw

    height, width, objects = _read(path, picture)
    canvas = Image.new("I", (width, height), 0)
    pen = ImageDraw.Draw(canvas)
    counts: Dict[int, int] = {}
    # Place and polygon of each object that is judged one by one, by its value.
    painted: Dict[int, Tuple[int, List[Tuple[float, float]]]] = {}

    def leave_out(place: int, kind: str, reason: str, action: str = "skipped") -> None:
        if issues is not None:
            issues.append(issue_of(action, None, file, kind, f"object {place}: {reason}"))

    for place, each in enumerate(objects):
        if isinstance(each, dict) and each.get("deleted"):
            continue
        kind = "object that is not well formed"
        try:
            label, corners = _corners(each)
            if not _is_known(label):
                kind = "label that is none of Cityscapes"
                raise FormatError(f"label {label[:40]!r} is none of Cityscapes")
        except FormatError as error:
            leave_out(place, kind, str(error))
            continue
        value = _value(label, counts, path)
        if value is not None and len(corners) > 1:
            pen.polygon(corners, fill=value)
        if value:
            painted.setdefault(value, (place, corners))
    values = np.asarray(canvas)
    for value in sorted(set(painted) - set(np.unique(values).tolist())):
        place, corners = painted[value]
        alone = Image.new("1", (width, height))
        if len(corners) > 1:
            ImageDraw.Draw(alone).polygon(corners, fill=1)
        if alone.getbbox():
            leave_out(place, "object covered by others", "others cover it wholly: it is no annotation", "noted")
        else:
            leave_out(place, "object without a pixel", "its polygon has no pixel inside the picture")
    return values


def _instances(path: str) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(path) as image:
            if not image.mode.startswith("I"):
                raise FormatError(f"{path}: pixels are {image.mode}, expected 16 bits")
            return np.asarray(image).astype(np.int64)
    except FormatError:
        raise
    except Exception as error:  # Pillow's decoders raise almost anything on damaged files
        raise FormatError(f"{path}: cannot be decoded: {error}") from None


def _annotations(values: np.ndarray) -> List[Dict[str, Any]]:
    """COCO annotations but ids of an instance map."""
    known = set(INSTANCES.values())
    found = []
    for value, counts in label_maps.run_lengths(values).items():
        number = value // 1000 if value >= 1000 else value
        if number in known:
            found.append({
                "category_id": number, "iscrowd": int(value < 1000),
                "bbox": label_maps.box_around(counts, values.shape[0]),
                "area": sum(counts[1::2]),
                "segmentation": label_maps.segmentation(counts, values.shape)})
    return found


def from_cityscapes(root: PathLike, split: str = "train", unusable: Unusable = None
                    ) -> Dict[str, Any]:
    """A COCO dict of a Cityscapes folder, for pack(root, out, annotations=…).

    split     "train", "val" or "test".
    unusable  a list that receives (path, reason) of files that cannot be read; without one the first
              of them raises FormatError.

    The eight classes whose objects are judged one by one, under Cityscapes' own numbers. Regions
    labelled "…group" are crowds, one for each class of an image. Masks are what is visible; objects
    wholly covered by others are no annotations. Objects of other labels, and such that are not well
    formed, are dropped and told in the dict's "issues", which pack() passes on.

    Raises StorageError (no such split; the error lists them), FormatError.
    """
    base = os.fsdecode(root)
    top = os.path.join(base, "gtFine", split)
    if not os.path.isdir(top):
        whole = os.path.join(base, "gtFine")
        splits = sorted(os.listdir(whole)) if os.path.isdir(whole) else []
        raise StorageError(f"Cityscapes: no folder gtFine/{split} in {base} · there are: "
                           f"{', '.join(splits[:12]) or 'none'}")
    images: List[Dict[str, Any]] = []
    annotations: List[Dict[str, Any]] = []
    issues: List[Dict[str, Any]] = []
    files = sorted((city, name) for city in os.listdir(top)
                   if os.path.isdir(os.path.join(top, city)) and not is_hidden(city)
                   for name in os.listdir(os.path.join(top, city))
                   if name.endswith(ENDING) and not is_hidden(name))
    pictures = Pictures(base)
    for number, (city, name) in enumerate(files, 1):
        stem = name[:-len(ENDING)]
        path = os.path.join(top, city, name)
        wanted = f"leftImg8bit/{split}/{city}/{stem}_leftImg8bit"
        file = pictures.find([""], [wanted]) or wanted + ".png"
        try:
            values = _values(path, os.path.join(top, city, stem + "_gtFine_instanceIds.png"), base, file,
                             issues)
        except (FormatError, OSError) as error:
            refuse(unusable, path, error)
            continue
        images.append({
            "id": number, "file_name": file, "width": values.shape[1], "height": values.shape[0]})
        for note in _annotations(values):
            annotations.append({"id": len(annotations) + 1, "image_id": number, **note})
    categories = [{"id": number, "name": name} for name, number in INSTANCES.items()]
    return {"images": images, "annotations": annotations, "categories": categories, "issues": issues}


def _values(path: str, instances: str, base: str, file: str, issues: List[Dict[str, Any]]) -> np.ndarray:
    """The instance picture where it can be read, else what the polygons paint."""
    if os.path.isfile(instances):
        try:
            return _instances(instances)
        except FormatError as error:
            issues.append(note_of(f"{error}: the polygons are taken instead"))
    picture = os.path.join(base, file)
    return _painted(path, picture if os.path.isfile(picture) else None, file, issues)


# ------------------------------------------------------------------ export

# Neighbours anticlockwise from the right, y downwards.
AROUND = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))


def _outline(mask: np.ndarray) -> List[Tuple[int, int]]:
    """Corners (x, y) of the border of the part that holds a mask's first pixel.

    Inner boundary tracing, eight neighbours (Sonka, Hlavac, Boyle, section 6.2.3).
    """
    cells = np.pad(mask, 1)
    start = tuple(int(v) for v in np.unravel_index(int(cells.argmax()), cells.shape))
    path, turns, heading = [start], [], 7
    while True:
        y, x = path[-1]
        first = (heading + (7 if heading % 2 == 0 else 6)) % 8
        for step in range(8):
            heading = (first + step) % 8
            dy, dx = AROUND[heading]
            if cells[y + dy, x + dx]:
                break
        else:
            break  # a single pixel
        path.append((y + dy, x + dx))
        turns.append(heading)
        if len(path) > 3 and path[-1] == path[1] and path[-2] == path[0]:
            path, turns = path[:-2], turns[:-1]
            break
    kept = [place for place in range(len(path))
            if len(path) < 3 or turns[place - 1] != turns[place % len(turns)]]
    return [(path[place][1] - 1, path[place][0] - 1) for place in kept]


def _largest_part(mask: np.ndarray) -> Tuple[List[Tuple[int, int]], int]:
    """The outline of a mask's largest part, and how many parts it has."""
    from PIL import Image, ImageDraw

    left, best, size, parts = mask.copy(), [], 0, 0
    while left.any():
        outline = _outline(left)
        canvas = Image.new("1", (mask.shape[1], mask.shape[0]))
        pen = ImageDraw.Draw(canvas)
        if len(outline) > 1:
            pen.polygon(outline, fill=1, outline=1)
        pen.point(outline, fill=1)
        filled = np.asarray(canvas)
        found = int(filled.sum())
        if found > size:
            best, size = outline, found
        left &= ~filled
        parts += 1
    return best, parts


def _names(dataset: Dataset) -> List[Tuple[str, str]]:
    """(city, stem) of every image, in Cityscapes' manner city_sequence_frame."""
    result = []
    for index, stem in enumerate(label_maps.stems(dataset)):
        stem = stem[:-len("_leftImg8bit")] if stem.endswith("_leftImg8bit") else stem
        parts = stem.split("_")
        if len(parts) != 3 or not all(part.isalnum() for part in parts):
            parts = ["export", f"{index:06d}", "000000"]
        result.append((parts[0], "_".join(parts)))
    return result


def to_cityscapes(dataset: Dataset, folder: PathLike, split: str = "train") -> label_maps.Exported:
    """Writes a dataset in Cityscapes' form: PNG pictures, instance pictures, polygon files.

    The instance pictures hold the masks as they are (where masks overlap, the later one is seen);
    a polygon is the outline of a mask's largest part, without its holes. Boxes of classes that
    Cityscapes does not judge one by one are left out, and told; a box without a mask is its rectangle.
    Several splits may go into one folder; a file that is there already is a DataError.
    """
    from PIL import Image

    base = os.fsdecode(folder)
    classes, left_out, written = dataset.classes, [], 0
    names = _names(dataset)
    label_maps.refuse_existing(
        os.path.join(base, kind, split, city, stem + ending) for city, stem in names
        for kind, ending in (("gtFine", ENDING), ("gtFine", "_gtFine_instanceIds.png"),
                             ("leftImg8bit", "_leftImg8bit.png")))
    for index, (city, stem) in enumerate(names):
        truth = os.path.join(base, "gtFine", split, city)
        pictures = os.path.join(base, "leftImg8bit", split, city)
        os.makedirs(truth, exist_ok=True)
        os.makedirs(pictures, exist_ok=True)
        height, width = dataset.size(index)
        values = np.zeros((height, width), np.uint16)
        objects: List[Dict[str, Any]] = []
        counts: Dict[int, int] = {}
        crowd, corners = dataset.crowd(index), dataset.boxes(index)
        for box, label in enumerate(dataset.box_labels(index).tolist()):
            name = classes[label] if 0 <= label < len(classes) else f"class {label}"
            if name not in INSTANCES:
                left_out.append((stem, f"box {box}: {name} is no class of Cityscapes' objects"))
                continue
            mask = label_maps.mask_of(dataset, index, box)
            if mask is None:
                mask = np.zeros((height, width), bool)
                x0, y0, x1, y1 = (int(round(float(side))) for side in corners[box])
                mask[max(0, y0):y1, max(0, x0):x1] = True
                left_out.append((stem, f"box {box} has no mask: its rectangle stands for it"))
            if not mask.any():
                left_out.append((stem, f"box {box}: its mask is empty"))
                continue
            text = name + "group" if crowd[box] else name
            values[mask] = _value(text, counts, stem)
            outline, parts = _largest_part(mask)
            if parts > 1:
                left_out.append((stem, f"box {box}: the polygon is one of its {parts} parts"))
            objects.append({"label": text, "polygon": [[x, y] for x, y in outline]})
            written += 1
        Image.fromarray(values).save(os.path.join(truth, stem + "_gtFine_instanceIds.png"))
        Image.fromarray(dataset[index]).save(os.path.join(pictures, stem + "_leftImg8bit.png"))
        with open(os.path.join(truth, stem + ENDING), "w", encoding="utf-8") as file:
            json.dump({"imgHeight": height, "imgWidth": width, "objects": objects}, file)
    return label_maps.Exported(len(dataset), written, left_out)
