"""Pascal VOC folders: Annotations/*.xml, JPEGImages, ImageSets, SegmentationObject.

VOC counts pixels from 1 and includes the last: a box xmin … xmax covers the columns xmin − 1 to xmax
in edges from 0. So x0 = xmin − 1, x1 = xmax, and back; fractions are kept.
"""

import os
import xml.etree.ElementTree as ElementTree
from typing import Any, Dict, List, Optional, Tuple
from xml.parsers import expat

import numpy as np

from . import label_maps
from ._ffi import PathLike
from .dataset import Dataset
from .errors import FormatError, StorageError

CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor")
ENDINGS = (".jpg", ".jpeg", ".JPG", ".JPEG", ".png", ".bmp")
LONGEST = 16 << 20  # bytes of one XML file
MOST_OBJECTS = 254  # values of a SegmentationObject picture besides background and border (255)
Unusable = Optional[List[Tuple[str, str]]]


def _element(path: str) -> ElementTree.Element:
    """The root of an XML file. A DTD is refused: entities could read files or grow without end."""
    def refuse(*_: Any) -> None:
        raise FormatError(f"{path}: has a DTD, which annotations do not need")

    try:
        if os.path.getsize(path) > LONGEST:
            raise FormatError(f"{path}: more than {LONGEST} bytes")
        with open(path, "rb") as file:
            data = file.read(LONGEST)
        reader = expat.ParserCreate()
        reader.StartDoctypeDeclHandler = refuse
        reader.Parse(data, True)
        return ElementTree.fromstring(data)
    except (expat.ExpatError, ElementTree.ParseError, ValueError, LookupError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path}: is no XML: {error}") from None


def _number(parent: Optional[ElementTree.Element], name: str) -> float:
    """The number in a child; NaN, which the import tells of, when there is none."""
    text = parent.findtext(name) if parent is not None else None
    try:
        return float(text) if text is not None else float("nan")
    except ValueError:
        return float("nan")


def _size(root: ElementTree.Element) -> Dict[str, int]:
    """width and height where the file tells them (many tools write 0 for "not known")."""
    sides = {name: _number(root.find("size"), name) for name in ("width", "height")}
    if any(value != value or value == 0 for value in sides.values()):
        return {}
    return {name: int(value) if value.is_integer() else value  # type: ignore[misc]
            for name, value in sides.items()}


def _masks(path: str) -> Dict[int, Dict[str, Any]]:
    """COCO segmentations by value of a SegmentationObject picture."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode not in ("P", "L"):
                raise FormatError(f"{path}: pixels are {image.mode}, expected a palette's numbers")
            values = np.asarray(image)
    except FormatError:
        raise
    except Exception as error:  # Pillow's decoders raise almost anything on damaged files
        raise FormatError(f"{path}: cannot be decoded: {error}") from None
    return {value: label_maps.segmentation(counts, values.shape)
            for value, counts in label_maps.run_lengths(values).items() if 0 < value < 255}


def _objects(root: ElementTree.Element, masks: Dict[int, Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Annotations but ids; `name` in place of a category. What is missing stays away: the import
    tells of it."""
    found = []
    for number, each in enumerate(root.findall("object"), 1):
        box = each.find("bndbox")
        note: Dict[str, Any] = {"name": (each.findtext("name") or "").strip(), "iscrowd": 0}
        if box is not None:
            xmin, ymin, xmax, ymax = (_number(box, k) for k in ("xmin", "ymin", "xmax", "ymax"))
            note["bbox"] = [xmin - 1, ymin - 1, xmax - xmin + 1, ymax - ymin + 1]
        if (each.findtext("difficult") or "0").strip() not in ("", "0"):
            note["difficult"] = 1
        if number in masks:
            note["segmentation"] = masks[number]
        found.append(note)
    return found


def _listed(root: str, split: Optional[str]) -> List[str]:
    """Names without ending of the images of a split; of all without one."""
    if split is None:
        folder = os.path.join(root, "Annotations")
        return sorted(name[:-4] for name in os.listdir(folder) if name.endswith(".xml"))
    for kind in ("Main", "Segmentation", "Layout"):
        path = os.path.join(root, "ImageSets", kind, split + ".txt")
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                return [line.split()[0] for line in file if line.strip()]
    raise StorageError(f"VOC: no ImageSets/…/{split}.txt in {root}")


def _image_name(root: str, stem: str) -> str:
    for ending in ENDINGS:
        if os.path.isfile(os.path.join(root, "JPEGImages", stem + ending)):
            return f"JPEGImages/{stem}{ending}"
    return f"JPEGImages/{stem}.jpg"


def from_voc(root: PathLike, split: Optional[str] = None, unusable: Unusable = None
             ) -> Dict[str, Any]:
    """A COCO dict of a Pascal VOC folder, for pack(root, out, annotations=…).

    split     the name of a list in ImageSets/Main (or Segmentation); None: every XML file.
    unusable  a list that receives (path, reason) of XML and mask files that cannot be read; without
              one the first of them raises FormatError.

    Categories are VOC's twenty in their order, or, where other names occur, those of the whole folder
    in the order of their letters. `difficult` is kept. Masks come from SegmentationObject, whose
    value k is the k-th object; its border (255) belongs to none.
    """
    base = os.fsdecode(root)
    images: List[Dict[str, Any]] = []
    annotations: List[Dict[str, Any]] = []
    names = set()
    for number, stem in enumerate(_listed(base, split), 1):
        masks: Dict[int, Dict[str, Any]] = {}
        try:
            element = _element(os.path.join(base, "Annotations", stem + ".xml"))
            picture = os.path.join(base, "SegmentationObject", stem + ".png")
            if os.path.isfile(picture):
                masks = _masks(picture)
        except (FormatError, OSError) as error:
            if unusable is None:
                raise
            unusable.append((stem, str(error)))
            continue
        images.append({"id": number, "file_name": _image_name(base, stem), **_size(element)})
        for note in _objects(element, masks):
            names.add(note["name"])
            annotations.append({"id": len(annotations) + 1, "image_id": number, **note})
    names.discard("")
    ordered = list(CLASSES) if names <= set(CLASSES) else _all_names(base, names)
    ids = {name: place for place, name in enumerate(ordered, 1)}
    for note in annotations:
        name = note.pop("name")
        if name:
            note["category_id"] = ids[name]
    return {"images": images, "annotations": annotations,
            "categories": [{"id": ids[name], "name": name} for name in ordered]}


def _all_names(root: str, known: set) -> List[str]:
    """Class names of the whole folder, so that every split numbers them alike."""
    names = set(known)
    for stem in _listed(root, None):
        try:
            element = _element(os.path.join(root, "Annotations", stem + ".xml"))
        except (FormatError, OSError):
            continue
        names.update((each.findtext("name") or "").strip() for each in element.findall("object"))
    return sorted(names - {""})


# ------------------------------------------------------------------ export

def _plain(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(value)


def _edge(value: np.float32, shift: int) -> str:
    """An edge in VOC's counting; the decimals are those that lead back to the same float32."""
    return _plain(round(float(str(value)) + shift, 6))


def _palette() -> List[int]:
    """VOC's colours: the bits of a number dealt to red, green and blue, highest first."""
    colours = []
    for number in range(256):
        rgb, rest = [0, 0, 0], number
        for shift in range(7, -1, -1):
            for channel in range(3):
                rgb[channel] |= (rest >> channel & 1) << shift
            rest >>= 3
        colours += rgb
    return colours


def _add(parent: ElementTree.Element, name: str, text: Any = None) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, name)
    if text is not None:
        child.text = str(text)
    return child


def _object_map(dataset: Dataset, index: int, kept: List[int], stem: str,
                left_out: List[Tuple[str, str]]) -> Optional[np.ndarray]:
    """(H,W) uint8: k where the k-th object is; None when no box has a mask."""
    values: Optional[np.ndarray] = None
    sizes: Dict[int, int] = {}
    for number, box in enumerate(kept, 1):
        mask = label_maps.mask_of(dataset, index, box)
        if mask is None:
            continue
        if number > MOST_OBJECTS:
            left_out.append((stem, f"mask of box {box}: a picture holds {MOST_OBJECTS}"))
            continue
        if values is None:
            values = np.zeros(mask.shape, np.uint8)
        values[mask] = number
        sizes[number] = int(mask.sum())
    if values is not None:
        for number, size in sizes.items():
            if int((values == number).sum()) != size:
                left_out.append((stem, f"mask of box {kept[number - 1]}: partly under a later one"))
    return values


def _annotation(dataset: Dataset, index: int, folder: str, stem: str, kept: List[int],
                is_segmented: bool) -> ElementTree.ElementTree:
    """The XML of an image and the boxes that are kept."""
    height, width = dataset.size(index)
    corners, labels = dataset.boxes(index), dataset.box_labels(index)
    difficult, classes = dataset.difficult(index), dataset.classes
    root = ElementTree.Element("annotation")
    _add(root, "folder", folder)
    _add(root, "filename", stem + ".jpg")
    size = _add(root, "size")
    for name, value in (("width", width), ("height", height), ("depth", 3)):
        _add(size, name, value)
    _add(root, "segmented", int(is_segmented))
    for box in kept:
        each = _add(root, "object")
        label = int(labels[box])
        _add(each, "name", classes[label] if label < len(classes) else f"class {label}")
        _add(each, "difficult", int(difficult[box]))
        place = _add(each, "bndbox")
        x0, y0, x1, y1 = corners[box]
        for name, value, shift in (
                ("xmin", x0, 1), ("ymin", y0, 1), ("xmax", x1, 0), ("ymax", y1, 0)):
            _add(place, name, _edge(value, shift))
    ElementTree.indent(root)
    return ElementTree.ElementTree(root)


def _boxes_for_voc(dataset: Dataset, index: int, stem: str, left_out: List[Tuple[str, str]]
                   ) -> List[int]:
    crowd, kept = dataset.crowd(index), []
    for box, label in enumerate(dataset.box_labels(index)):
        if crowd[box] or label < 0:
            reason = "is a crowd region" if crowd[box] else "has no class"
            left_out.append((stem, f"box {box} {reason}"))
        else:
            kept.append(box)
    return kept


def to_voc(dataset: Dataset, folder: PathLike, split: str = "trainval") -> label_maps.Exported:
    """Writes a dataset as a Pascal VOC folder: JPEG streams as they are, one XML file each, the list
    ImageSets/Main/<split>.txt, and SegmentationObject pictures where there are masks.

    VOC has no crowd regions and no boxes without a class: they are left out, and told. Several splits
    may go into one folder; a file that is there already is not replaced but a DataError.
    """
    from PIL import Image

    base = os.fsdecode(folder)
    left_out: List[Tuple[str, str]] = []
    names, boxes_written, segmented = label_maps.stems(dataset), 0, []
    label_maps.refuse_existing([
        *(os.path.join(base, "ImageSets", kind, split + ".txt") for kind in ("Main", "Segmentation")),
        *(os.path.join(base, *place) for stem in names for place in (
            ("Annotations", stem + ".xml"), ("JPEGImages", stem + ".jpg"),
            ("SegmentationObject", stem + ".png")))])
    for name in ("Annotations", "JPEGImages", os.path.join("ImageSets", "Main")):
        os.makedirs(os.path.join(base, name), exist_ok=True)
    inside = os.path.basename(os.path.abspath(base))
    for index, stem in enumerate(names):
        kept = _boxes_for_voc(dataset, index, stem, left_out)
        values = _object_map(dataset, index, kept, stem, left_out)
        _annotation(dataset, index, inside, stem, kept, values is not None).write(
            os.path.join(base, "Annotations", stem + ".xml"), encoding="utf-8")
        boxes_written += len(kept)
        with open(os.path.join(base, "JPEGImages", stem + ".jpg"), "wb") as file:
            file.write(dataset.jpeg(index))
        if values is not None:
            segmented.append(stem)
            os.makedirs(os.path.join(base, "SegmentationObject"), exist_ok=True)
            picture = Image.fromarray(values, "P")
            picture.putpalette(_palette())
            picture.save(os.path.join(base, "SegmentationObject", stem + ".png"))
    for kind, listed in (("Main", names), ("Segmentation", segmented)):
        if listed:
            os.makedirs(os.path.join(base, "ImageSets", kind), exist_ok=True)
            path = os.path.join(base, "ImageSets", kind, split + ".txt")
            with open(path, "w", encoding="utf-8") as file:
                file.write("".join(name + "\n" for name in listed))
    return label_maps.Exported(len(names), boxes_written, left_out)
