"""YOLO text labels: one .txt file for each picture, a line for each object.

`class cx cy w h` or, for masks, `class x1 y1 x2 y2 …`: the class counts from 0, the rest are shares of
the picture's width and height. A number more (a detector's confidence) is passed over. Labels lie in
labels/ where the pictures lie in images/ (train/images and train/labels, images/train and
labels/train, …), or beside the pictures. Class names come from data.yaml (or another), classes.txt or
obj.names.
"""

import math
import os
import re
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from ._abi import PathLike
from .annotation_files import ENDINGS, Unusable, files_below, is_utf8, read_text, refuse, stem_of
from .errors import FormatError, StorageError
from .pack_report import issue_of, note_of
from .reading import upright_size
from .small_yaml import read_yaml

LONGEST = 16 << 20  # bytes of a text file
FARTHEST = 2.0      # a share beyond this is no share: most likely pixels
SPLITS = {"val": ("val", "valid", "validation"), "valid": ("valid", "val", "validation"),
          "validation": ("validation", "val", "valid")}


class _Line(NamedTuple):
    """An object in shares of the picture."""

    label: str                 # as written
    box: List[float]           # x0, y0, w, h
    polygon: Optional[List[float]]  # x0, y0, x1, y1, …
    has_more: bool             # a number that is passed over


def _ends_in_points(numbers: Sequence[float]) -> bool:
    """Whether a box and key points (x, y, visibility) stand there: every third number of the rest is 0, 1
    or 2, as in no polygon that has an area inside the picture but by rare chance."""
    marks = numbers[6::3]
    return len(numbers) > 6 and (len(numbers) - 4) % 3 == 0 and all(mark in (0, 1, 2) for mark in marks)


def _line(text: str, has_points: bool) -> _Line:
    """One line; FormatError says in few words why it is none, `kind: text`."""
    fields = [field for field in re.split(r"[\s,;]+", text) if field]
    try:
        numbers = [float(field) for field in fields[1:]]
    except ValueError:
        raise FormatError(f"a line with what is no number|{text[:60]!r} has what is no number") from None
    if not all(math.isfinite(number) for number in numbers):
        raise FormatError(f"a line with what is no number|{text[:60]!r} has what is no number")
    count = len(numbers)
    if count < 4:
        raise FormatError(f"a line of too few numbers|{text[:60]!r}, expected class cx cy w h")
    is_box = count < 6 or has_points or _ends_in_points(numbers)
    kept = numbers[:4] if is_box else numbers[:count - count % 2]
    if max(map(abs, kept)) > FARTHEST:
        raise FormatError(
            "coordinates that are pixels|" + f"{text[:60]!r}: these look like pixels, expected shares of "
            "the picture's width and height in 0 … 1")
    if is_box:
        cx, cy, w, h = kept
        return _Line(fields[0], [cx - w / 2, cy - h / 2, w, h], None, count > 4)
    x, y = kept[0::2], kept[1::2]
    return _Line(fields[0], [min(x), min(y), max(x) - min(x), max(y) - min(y)], kept, count % 2 == 1)


def _size(path: str) -> Tuple[int, int]:
    """Width and height of a picture as it is shown, turned as its EXIF orientation says: the tools that
    make such labels show it so. Raises FormatError, OSError."""
    try:
        return upright_size(os.fsencode(path))
    except OSError:
        raise
    except Exception as error:  # Pillow's decoders raise almost anything on damaged files
        raise FormatError(f"{path}: cannot be opened: {error}") from None


class _Names:
    """Class names by number, and how a line names its class."""

    def __init__(self, names: Optional[Dict[int, str]]) -> None:
        self.names = names
        self.used: Dict[int, str] = {}
        self._numbers = {name: number for number, name in (names or {}).items()}

    def number(self, label: str) -> int:
        if label in self._numbers:
            return self._numbers[label]
        try:
            value = float(label)
        except ValueError:
            raise FormatError(f"a class that is no number|its class is {label[:40]!r}") from None
        if not value.is_integer() or not 0 <= value <= 1 << 30:
            raise FormatError(f"a class that is no number|its class is {label[:40]!r}")
        number = int(value)
        if self.names is not None and number not in self.names:
            raise FormatError(f"a class without a name|its class is {number}, there are "
                              f"{len(self.names)} names")
        self.used[number] = f"class {number}"
        return number

    def categories(self) -> List[Dict[str, Any]]:
        names = self.used if self.names is None else self.names
        return [{"id": number, "name": name} for number, name in sorted(names.items())]


class _Layout:
    """Pictures and label files below a folder."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.pictures = sorted(files_below(root, *ENDINGS))
        self.labels = {name for name in files_below(root, ".txt")}

    def label(self, picture: str) -> Optional[str]:
        """The label file of a picture, relative to the root."""
        stem = stem_of(picture)
        parts = stem.split("/")
        ways = []
        for place in range(len(parts) - 2, -1, -1):
            if parts[place].lower() == "images":
                ways.append("/".join(parts[:place] + ["labels"] + parts[place + 1:]))
        ways += [stem, "/".join(parts[:-1] + ["labels", parts[-1]]), "labels/" + stem]
        # Exports that keep the picture's ending: x.jpg.txt.
        ending = picture[len(stem):]
        return next((name for way in ways for name in (way + ".txt", way + ending + ".txt")
                     if name in self.labels), None)

    def lonely(self, used: Set[Optional[str]], split: Optional[str]) -> List[str]:
        """Label files without a picture; other text files are none of them."""
        places = {os.path.dirname(label) for label in used if label}
        names = None if split is None else set(SPLITS.get(split, (split,)))
        return [label for label in sorted(self.labels - used)
                if (os.path.dirname(label) in places or "labels" in label.lower().split("/")[:-1])
                and (names is None or names & set(label.split("/")[:-1]))
                and self._is_label(label)]

    def _is_label(self, label: str) -> bool:
        lines = _lines(os.path.join(self.root, label))
        return bool(lines) and all(
            re.match(r"\S+([\s,;]+[-+.\deE]+){4,}\s*$", line) for line in lines)

    def of_split(self, split: str, listed: Any) -> List[str]:
        """Pictures in a folder of the split's name, of its list, or of what data.yaml calls so."""
        for name in SPLITS.get(split, (split,)):
            found = [each for each in self.pictures if name in each.split("/")[:-1]]
            if found:
                return found
        known = set(self.pictures)
        for name in [f"{each}.txt" for each in SPLITS.get(split, (split,))] + _strings(listed):
            place = re.sub(r"^(\.\.?/)+", "", name.replace("\\", "/")).strip("/")
            if place in self.labels:
                return self._of_list(place, known)
            found = [each for each in self.pictures if each.startswith(place + "/")]
            if place and found:
                return found
        folders = {part for each in self.pictures for part in each.split("/")[:-1]}
        raise StorageError(f"YOLO: no pictures of a split {split!r} in {self.root} · there are the folders "
                           f"{', '.join(sorted(folders - {'images'})[:12]) or 'of none'}")

    def _of_list(self, name: str, known: set) -> List[str]:
        found = []
        for line in read_text(os.path.join(self.root, name), LONGEST).splitlines():
            path = line.strip().replace("\\", "/")
            parts = [part for part in path.split("/") if part not in ("", ".", "..")]
            # Paths of the machine that made the list: the longest end that is a picture here.
            ways = ("/".join(parts[start:]) for start in range(len(parts)))
            found += [next((way for way in ways if way in known), "/".join(parts))] if parts else []
        return list(dict.fromkeys(found))


def _strings(value: Any) -> List[str]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]


def _settings(root: str) -> Dict[str, Any]:
    """What the folder's yaml file says; the one with names wins, data.yaml before others."""
    best: Dict[str, Any] = {}
    names = sorted((name for name in os.listdir(root) if name.lower().endswith((".yaml", ".yml"))),
                   key=lambda name: (not name.lower().startswith("data"), name))
    for name in names:
        tree = read_yaml(read_text(os.path.join(root, name), LONGEST))
        if "names" in tree:
            return tree
        best = best or tree
    return best


def _class_names(root: str, settings: Dict[str, Any], classes: Optional[Sequence[str]]
                 ) -> Optional[Dict[int, str]]:
    """Names by number, None where nothing tells them."""
    names: Any = list(classes) if classes is not None else settings.get("names")
    if isinstance(names, str):  # the path of a list
        path = os.path.join(root, os.path.basename(names.replace("\\", "/")))
        names = _lines(path) if os.path.isfile(path) else None
    if names is None:
        for path in ("classes.txt", "obj.names", "labels/classes.txt", "classes.names",
                     "obj_names.txt", "predefined_classes.txt"):
            if os.path.isfile(os.path.join(root, path)):
                names = _lines(os.path.join(root, path))
                break
    if isinstance(names, list):
        return {number: str(name) for number, name in enumerate(names)}
    if isinstance(names, dict):
        try:
            return {int(number): str(name) for number, name in names.items()}
        except ValueError:
            raise FormatError(f"YOLO: names {str(names)[:80]}: expected class numbers as keys") from None
    return None


def _lines(path: str) -> List[str]:
    return [line.strip() for line in read_text(path, LONGEST).splitlines() if line.strip()]


class _Reading:
    """Objects as they are collected, and what is told of them."""

    def __init__(self, names: _Names, has_points: bool) -> None:
        self.names, self.has_points = names, has_points
        self.annotations: List[Dict[str, Any]] = []
        self.issues: List[Dict[str, Any]] = []
        self.lines = self.pixels = self.more = 0
        self.first_pixels = ""

    def objects(self, path: str, file: str) -> List[Tuple[int, int, _Line]]:
        """(line, class, object) of a label file; what cannot be used is told."""
        found = []
        for number, text in enumerate(read_text(path, LONGEST).splitlines(), 1):
            if not text.strip() or text.lstrip().startswith("#"):
                continue
            self.lines += 1
            try:
                line = _line(text.strip(), self.has_points)
                found.append((number, self.names.number(line.label), line))
                self.more += line.has_more
            except FormatError as error:
                kind, _, reason = str(error).partition("|")
                self.issues.append(issue_of("skipped", None, file, kind, f"line {number}: {reason}"))
                if "pixels" in kind:
                    self.pixels += 1
                    self.first_pixels = self.first_pixels or f"{path}, line {number}: {reason}"
        return found

    def add(self, image: int, size: Tuple[int, int], objects: List[Tuple[int, int, _Line]]) -> None:
        width, height = size
        for _, label, line in objects:
            x, y, w, h = line.box
            note: Dict[str, Any] = {
                "id": len(self.annotations) + 1, "image_id": image, "category_id": label, "iscrowd": 0,
                "bbox": [x * width, y * height, w * width, h * height]}
            if line.polygon:
                note["segmentation"] = [[
                    share * (width, height)[place % 2] for place, share in enumerate(line.polygon)]]
            self.annotations.append(note)

    def lose(self, file: str, objects: List[Tuple[int, int, _Line]]) -> None:
        for number, _, _ in objects:
            self.issues.append(issue_of(
                "skipped", None, file, "of a picture that cannot be opened",
                f"line {number}: its picture cannot be opened"))


def from_yolo(root: PathLike, split: Optional[str] = None, classes: Optional[Sequence[str]] = None,
              unusable: Unusable = None) -> Dict[str, Any]:
    """A COCO dict of a folder with YOLO text labels, for pack(root, out, annotations=…).

    split     a folder such as train or val (valid), a list train.txt, or what data.yaml calls so; None:
              all pictures.
    classes   names in the order of their numbers; None: those of data.yaml (names as a list or by
              number), classes.txt or obj.names; without any they are called "class 3".
    unusable  a list that receives (path, reason) of pictures and label files that cannot be opened;
              without one the first of them raises FormatError or OSError.

    Lines are `class cx cy w h` or a polygon `class x1 y1 x2 y2 …` (four corners for turned boxes), in
    shares of the picture as it is shown, between them spaces or commas; a confidence at the end is
    passed over. A picture without a label file, or with an empty one, has no objects. Lines that are
    none, classes without a name, and pixels in place of shares are dropped and told in the dict's
    "issues", which pack() passes on; boxes that reach out of the picture are clipped by it.

    Raises StorageError (no such folder or split, no label files), FormatError, also where most lines
    hold pixels.
    """
    base = os.fsdecode(root)
    if not os.path.isdir(base):
        raise StorageError(f"YOLO: no folder {base}")
    settings, layout = _settings(base), _Layout(base)
    names = _Names(_class_names(base, settings, classes))
    reading = _Reading(names, "kpt_shape" in settings)
    pictures = layout.pictures if split is None else layout.of_split(
        split, next((settings[name] for name in SPLITS.get(split, (split,)) if name in settings), None))
    if not pictures:
        raise StorageError(f"YOLO: no pictures below {base}")
    images: List[Dict[str, Any]] = []
    without = 0
    used: Set[Optional[str]] = set()
    for file in pictures:
        label = layout.label(file)
        used.add(label)
        without += label is None
        objects: List[Tuple[int, int, _Line]] = []
        try:
            if not is_utf8(file):
                raise FormatError(f"{file!r}: its name is not UTF-8")
            objects = reading.objects(os.path.join(base, label), file) if label else []
            size = _size(os.path.join(base, file))
        except (FormatError, OSError) as error:
            reading.lose(file, objects)
            refuse(unusable, file, error)
            continue
        images.append({"id": len(images) + 1, "file_name": file, "width": size[0], "height": size[1]})
        reading.add(len(images), size, objects)
    if without == len(pictures):
        raise StorageError(f"YOLO: no label file for any of the {len(pictures)} pictures of {base} · "
                           "expected labels/…/NAME.txt beside images/…, or NAME.txt beside the picture")
    if reading.pixels > reading.lines / 2:
        raise FormatError(f"YOLO: {reading.first_pixels}")
    for label in layout.lonely(used, split):
        reading.lose(label, reading.objects(os.path.join(base, label), label))
        refuse(unusable, label, FormatError(f"{label}: there is no picture for these labels"))
    return {"images": images, "annotations": reading.annotations, "categories": names.categories(),
            "issues": reading.issues + _notes(reading, names, without)}


def _notes(reading: _Reading, names: _Names, without: int) -> List[Dict[str, Any]]:
    notes = []
    if without:
        notes.append(f"{without} pictures have no label file: pictures without objects")
    if reading.more:
        notes.append(f"{reading.more} lines have numbers after the object's (a confidence, key points): "
                     "passed over")
    if names.names is None:
        notes.append("no class names (data.yaml, classes.txt, obj.names): classes are called by number")
    return [note_of(note) for note in notes]
