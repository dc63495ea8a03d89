"""Pascal VOC folders: Annotations/*.xml, JPEGImages, ImageSets, SegmentationObject; also flat ones.

VOC counts pixels from 1 and includes the last: a box xmin … xmax covers the columns xmin − 1 to xmax
in edges from 0. So x0 = xmin − 1, x1 = xmax, and back; fractions are kept.
"""

import os
import re
import xml.etree.ElementTree as ElementTree
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple
from xml.parsers import expat

import numpy as np

from . import label_maps
from ._abi import PathLike
from .annotation_files import ENDINGS, Pictures, Unusable, child, decoded, files_below, is_utf8, read_text
from .annotation_files import refuse, stem_of
from .dataset import Dataset
from .errors import ArgumentError, FormatError, StorageError
from .pack_report import AnnotationIssue, issue_of, note_of

CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor")
LONGEST = 16 << 20  # bytes of one XML file
MOST_OBJECTS = 254  # values of a SegmentationObject picture besides background and border (255)
DIFFICULT = {"0": 0, "": 0, "false": 0, "no": 0, "none": 0, "null": 0, "unspecified": 0,
             "1": 1, "true": 1, "yes": 1}


def _element(path: str) -> ElementTree.Element:
    """The root of an XML file. A DTD is refused: entities could read files or grow without end."""
    try:
        if os.path.getsize(path) > LONGEST:
            raise FormatError(f"{path}: more than {LONGEST} bytes")
        with open(path, "rb") as file:
            data = file.read(LONGEST)
        try:
            return _unwrapped(_parsed(data, path), path)
        except (expat.ExpatError, ElementTree.ParseError, ValueError):
            return _unwrapped(_parsed(_as_utf8(data), path), path)
    except (expat.ExpatError, ElementTree.ParseError, ValueError, LookupError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path}: is no XML: {error}") from None


def _parsed(data: bytes, path: str) -> ElementTree.Element:
    def refuse_dtd(*_: Any) -> None:
        raise FormatError(f"{path}: has a DTD, which annotations do not need")

    reader = expat.ParserCreate()
    reader.StartDoctypeDeclHandler = refuse_dtd
    reader.Parse(data, True)
    return ElementTree.fromstring(data)


def _unwrapped(root: ElementTree.Element, path: str) -> ElementTree.Element:
    """The one <annotation> of a file, whatever is around it; without namespaces."""
    for each in root.iter():
        if isinstance(each.tag, str):
            each.tag = each.tag.rpartition("}")[2]
    found = list(root.iter("annotation"))
    if len(found) != 1:
        raise FormatError(f"{path}: has {len(found)} elements <annotation> below <{root.tag}>, expected one")
    return found[0]


def _as_utf8(data: bytes) -> bytes:
    """XML of an encoding that expat does not know, or does not tell, as UTF-8 without a declaration."""
    told = re.match(rb"[^<]*<\?xml[^>]*encoding=[\"']([\w.-]+)", data[:200])
    name = told.group(1).decode("ascii", "replace").lower() if told else "utf-8"
    text = decoded(data) if name in ("utf-8", "utf8", "ascii", "us-ascii") else data.decode(name)
    return re.sub(r"^\s*<\?xml[^>]*\?>", "", text).encode("utf-8")


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


class _Reading:
    """Annotations of one folder as they are collected, and what is told of them."""

    def __init__(self) -> None:
        self.images: List[Dict[str, Any]] = []
        self.annotations: List[Dict[str, Any]] = []
        self.issues: List[Dict[str, Any]] = []
        self.from_zero = 0  # boxes that begin at 0

    def add(self, root: ElementTree.Element, file: str, masks: Dict[int, Dict[str, Any]]) -> None:
        number = len(self.images) + 1
        self.images.append({"id": number, "file_name": file, **_size(root)})
        for place, each in enumerate(root.iter("object"), 1):
            note = {"id": len(self.annotations) + 1, "image_id": number,
                    "name": (each.findtext("name") or "").strip(), "iscrowd": 0}
            self._box(each, note, file)
            text = (each.findtext("difficult") or "").strip().lower()
            if DIFFICULT.get(text) is None:
                self.issues.append(issue_of(
                    "changed", note["id"], file, "unusable difficult ignored",
                    f"difficult is {text[:40]!r}, expected 0 or 1: ignored"))
            elif DIFFICULT[text]:
                note["difficult"] = 1
            if place in masks:
                note["segmentation"] = masks[place]
            self.annotations.append(note)

    def _box(self, each: ElementTree.Element, note: Dict[str, Any], file: str) -> None:
        """What is missing stays away: the import tells of it."""
        box = each.find("bndbox")
        if box is None:
            return
        sides = [_number(box, name) for name in ("xmin", "ymin", "xmax", "ymax")]
        swapped = [min(sides[0], sides[2]), min(sides[1], sides[3]),
                   max(sides[0], sides[2]), max(sides[1], sides[3])]
        if swapped != sides and all(side == side for side in sides):
            self.issues.append(issue_of(
                "changed", note["id"], file, "xmin beyond xmax or ymin beyond ymax: exchanged",
                f"its bndbox is {sides}, a smallest side beyond the largest: exchanged"))
            sides = swapped
        xmin, ymin, xmax, ymax = sides
        self.from_zero += xmin == 0 or ymin == 0
        note["bbox"] = [xmin - 1, ymin - 1, xmax - xmin + 1, ymax - ymin + 1]


class _Folder(NamedTuple):
    """Where a VOC folder keeps what."""

    root: str
    labels: str  # relative folder of the XML files, "": the root
    stems: List[str]  # of all XML files, relative to `labels`

    def path(self, stem: str) -> str:
        return os.path.join(self.root, self.labels, stem + ".xml")

    def picture(self, pictures: Pictures, stem: str, named: str) -> str:
        """The picture of an XML file: of its own stem, else of its filename field."""
        inside = os.path.dirname(stem)
        images = [child(self.root, name) for name in ("JPEGImages", "images")]
        folders = [each for each in images if each] + [self.labels, ""]
        last = os.path.basename(stem)
        named = named.replace("\\", "/").rsplit("/", 1)[-1]
        stems = [stem, last, *dict.fromkeys((named, stem_of(named)))]
        if inside:
            stems += [f"{inside}/{named}", f"{inside}/{stem_of(named)}"]
        found = pictures.find(folders, [each for each in stems if each])
        return found or f"{images[0] or images[1] or self.labels or '.'}/{stem}.jpg"


def _folder(base: str) -> _Folder:
    if not os.path.isdir(base):
        raise StorageError(f"VOC: no folder {base}")
    labels = child(base, "Annotations")
    stems = [name[:-4] for name in files_below(os.path.join(base, labels), ".xml")] if labels else []
    if not stems:
        labels, stems = None, [name[:-4] for name in files_below(base, ".xml")]
    if not stems:
        raise StorageError(f"VOC: no XML files in {base}/Annotations, nor below {base}")
    return _Folder(base, labels or "", stems)


def _lists(root: str) -> Dict[str, str]:
    """Paths of the lists of names, by the name of the split."""
    found: Dict[str, str] = {}
    sets = child(root, "ImageSets")
    places = [os.path.join(root, sets, kind) for kind in ("Main", "Segmentation", "Layout", "")
              ] if sets else []
    for place in places + [root]:
        if os.path.isdir(place):
            for name in sorted(os.listdir(place)):
                if name.endswith(".txt") and os.path.isfile(os.path.join(place, name)):
                    found.setdefault(name[:-4], os.path.join(place, name))
    return found


def _listed(folder: _Folder, split: Optional[str]) -> List[str]:
    """Stems of the XML files of a split; all without one."""
    if split is None:
        return folder.stems
    lists = _lists(folder.root)
    if split in lists:
        known = set(folder.stems)
        found = []
        for line in read_text(lists[split], 1 << 30).splitlines():
            name = line.strip().replace("\\", "/")
            if not name:
                continue
            # The whole line (names may have spaces), its first word, with or without an ending.
            ways = [name, name.split()[0]]
            ways += [stem_of(way) for way in ways] + [stem_of(way).rsplit("/", 1)[-1] for way in ways]
            found.append(next((way for way in ways if way in known), stem_of(ways[1])))
        return list(dict.fromkeys(found))
    inside = [stem for stem in folder.stems if stem.split("/")[0] == split and "/" in stem]
    if inside:
        return inside
    parts = {stem.split("/")[0] for stem in folder.stems if "/" in stem}
    plain = sorted(set(lists) | parts, key=lambda name: ("_" in name, name))
    raise StorageError(
        f"VOC: no list ImageSets/…/{split}.txt and no folder {split} with XML files in {folder.root} · "
        f"there are: {', '.join(plain[:12]) or 'none, so leave the split away'}")


def from_voc(root: PathLike, split: Optional[str] = None, unusable: Unusable = None,
             classes: Optional[Sequence[str]] = None) -> Dict[str, Any]:
    """A COCO dict of a Pascal VOC folder, for pack(root, out, annotations=…).

    split     the name of a list in ImageSets/Main (Segmentation, Layout, or beside), or of a folder that
              holds XML files; None: every XML file.
    unusable  a list that receives (path, reason) of XML files that cannot be read; without one the
              first of them raises FormatError.
    classes   names in the order of their numbers; objects of other names are dropped, and told.

    XML files lie in Annotations, or anywhere below the root; their pictures in JPEGImages, in images,
    or beside them, under the stem of the XML file or the name in its `filename`. Without `classes` they
    are VOC's twenty where the whole folder has no others, else the names in the whole folder in the
    order of their letters: every split of a folder has the same. `difficult` is kept. Masks come from
    SegmentationObject, whose value k is the k-th object; its border (255) belongs to none; one that
    cannot be read costs only the masks. Boxes with xmin beyond xmax are exchanged. What was changed is
    in the dict's "issues", which pack() passes on.

    Raises StorageError (no such folder or split; the error lists the splits), FormatError.
    """
    folder = _folder(os.fsdecode(root))
    pictures, reading = Pictures(folder.root), _Reading()
    names = None if classes is None else _given(classes)
    elements: Dict[str, ElementTree.Element] = {}
    for stem in _listed(folder, split):
        try:
            element = _element(folder.path(stem))
            file = folder.picture(pictures, stem, (element.findtext("filename") or "").strip())
            if not is_utf8(file):
                raise FormatError(f"{folder.path(stem)!r}: its name is not UTF-8")
        except (FormatError, OSError) as error:
            refuse(unusable, stem, error)
            continue
        elements[stem] = element
        masks: Dict[int, Dict[str, Any]] = {}
        picture = os.path.join(folder.root, "SegmentationObject", stem + ".png")
        if os.path.isfile(picture):
            try:
                masks = _masks(picture)
            except (FormatError, OSError) as error:
                reading.issues.append(AnnotationIssue(
                    "image", None, file, "changed", f"{error}: kept without masks",
                    "unusable SegmentationObject picture ignored")._asdict())
        reading.add(element, file, masks)
    if split is None:
        _tell_others(folder, reading)
    return _tree(reading, names or _all_names(folder, elements), names is not None)


def _tell_others(folder: _Folder, reading: _Reading) -> None:
    """Counts the pictures that have no XML file."""
    images = [name for name in (child(folder.root, each) for each in ("JPEGImages", "images")) if name]
    used = {image["file_name"] for image in reading.images}
    stems = {os.path.basename(stem) for stem in folder.stems}
    others = sum(
        f"{place}/{name}".lstrip("/") not in used and stem_of(os.path.basename(name)) not in stems
        and not name.startswith("Segmentation")
        for place in images or [""]
        for name in files_below(os.path.join(folder.root, place), *ENDINGS))
    if others:
        reading.issues.append(note_of(f"{others} pictures have no XML file: left out"))


def _given(classes: Sequence[str]) -> List[str]:
    names = list(classes)
    if isinstance(classes, str) or not names or len(set(names)) != len(names) or not all(
            isinstance(name, str) and name for name in names):
        raise ArgumentError(f"classes are {classes!r}, expected different names")
    return names


def _all_names(folder: _Folder, known: Dict[str, ElementTree.Element]) -> List[str]:
    """Class names of the whole folder, so that every split numbers them alike."""
    names = set()
    for stem in folder.stems:
        try:
            element = known[stem] if stem in known else _element(folder.path(stem))
        except (FormatError, OSError):
            continue
        names.update((each.findtext("name") or "").strip() for each in element.iter("object"))
    names.discard("")
    return list(CLASSES) if names <= set(CLASSES) else sorted(names)


def _tree(reading: _Reading, names: List[str], are_given: bool) -> Dict[str, Any]:
    ids = {name: place for place, name in enumerate(names, 1)}
    files = {image["id"]: image["file_name"] for image in reading.images}
    kept = []
    for note in reading.annotations:
        name = note.pop("name")
        if name in ids:
            note["category_id"] = ids[name]
        elif name and are_given:
            reading.issues.append(issue_of(
                "skipped", note["id"], files[note["image_id"]], "name of none of the classes given",
                f"its name {name!r} is none of the {len(names)} classes given"))
            continue
        kept.append(note)
    if reading.from_zero:
        reading.issues.append(note_of(
            f"{reading.from_zero} boxes begin at 0, though VOC counts pixels from 1: read as VOC's, one "
            "pixel further left and up"))
    return {"images": reading.images, "annotations": kept, "issues": reading.issues,
            "categories": [{"id": ids[name], "name": name} for name in names]}


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
