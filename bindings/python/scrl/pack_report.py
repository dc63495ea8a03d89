"""What pack() tells: images and objects used, changed and dropped, and the reasons, counted by kind."""

from collections import Counter
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

Skipped = Tuple[str, str]
Counts = Sequence[Tuple[str, int]]
# SCRL_COCO_…
ENTRIES = ("image", "category", "annotation", "file")
ACTIONS = ("skipped", "clipped", "changed", "noted")
MOST_LOST = 0.1  # of the images or objects; more is told as a loss
MOST_KINDS = 6   # in a summary


class LossWarning(UserWarning):
    """More than a tenth of the images or objects that a source lists is not in the dataset."""


class AnnotationIssue(NamedTuple):
    """An entry of an annotation file that did not pass as it stands, or a note on the file."""

    entry: str          # "category", "annotation" or "file"; "image": kept, but changed
    id: Optional[int]   # None: it has none that could be read
    file: str           # the image's file_name, "": none
    action: str         # "skipped", "clipped" to the image, "changed" (something was ignored or made
                        # from the rest), or "noted" (nothing is lost: how the file was understood)
    reason: str
    kind: str = ""      # the reason without figures: the same for all entries of one kind

    def __str__(self) -> str:
        number = "" if self.id is None else f" {self.id}"
        return f"{self.action} {self.entry}{number}{f' of {self.file}' if self.file else ''}: {self.reason}"


class PictureNote(NamedTuple):
    """What was done to a picture or guessed of it, or a hidden file or folder that was left out."""

    file: str
    note: str


class PackReport(NamedTuple):
    """What pack() did. A source lists added + len(skipped) − others images and objects +
    objects_dropped objects."""

    added: int                    # images
    skipped: List[Skipped]        # (path, reason) of images that could not be used
    issues: Sequence[AnnotationIssue] = ()  # entries that were skipped, clipped, changed or noted
    objects: int = 0              # boxes added
    objects_changed: int = 0      # among them: clipped, or something was ignored or made from the rest
    objects_dropped: int = 0      # with those of skipped images
    dropped: Counts = ()          # (reason without figures, objects), the most frequent first
    skipped_kinds: Counts = ()    # the same of images, where known
    has_objects: bool = False     # whether annotations were given
    notes: Sequence[PictureNote] = ()  # what else was changed, guessed or left out, file by file
    turned: int = 0               # pictures whose EXIF orientation was applied
    not_turned: int = 0           # those whose orientation was ignored
    truncated: int = 0            # kept although their file ends early
    encoded: int = 0              # JPEG files among those, encoded anew (quality 95, 4:4:4)
    several: int = 0              # of files of several frames or pages: the first was taken
    hidden: int = 0               # hidden files and folders left out
    others: int = 0               # among the skipped: files of a folder that are no pictures, no loss
    depths: Mapping[int, int] = {}  # pictures of more than 8 bits a sample, by the bits they hold

    @property
    def lost(self) -> float:
        """The share of images, or of objects where it is larger, that is not in the dataset."""
        skipped = len(self.skipped) - self.others
        images, objects = self.added + skipped, self.objects + self.objects_dropped
        return max(skipped / images if images else 0.0,
                   self.objects_dropped / objects if objects else 0.0)

    @property
    def is_lossy(self) -> bool:
        """Whether more than a tenth is lost."""
        return self.lost > MOST_LOST

    @property
    def summary(self) -> str:
        """One line: "2 images, 3 of 4 objects used, 1 changed, 1 dropped (1 bbox has no area)"."""
        skipped = len(self.skipped) - self.others
        text = f"{self.added} images"
        if skipped:
            text = (f"{self.added} of {self.added + skipped} images used, {skipped} skipped"
                    f"{_counted(self.skipped_kinds)}")
        if self.has_objects:
            listed = self.objects + self.objects_dropped
            text += (f", {self.objects} of {listed} objects used, {self.objects_changed} changed, "
                     f"{self.objects_dropped} dropped{_counted(self.dropped)}")
        return "; ".join([text, *self.told()])

    def told(self) -> List[str]:
        """Parts of a summary about the pictures: what is not as it seems, counted."""
        dark = sorted(each for each in self.depths if each < 16)
        parts = [
            (self.turned, "turned by their EXIF orientation"),
            (self.not_turned, "with an EXIF orientation not applied"),
            (self.truncated, "cut short and kept"),
            (self.encoded, "of them JPEG encoded anew"),
            (self.several, "of several frames or pages, the first taken"),
            *((self.depths[each], f"of 16 bits hold only {each}, scaled by {(1 << each) - 1}")
              for each in dark),
            (self.others, "files that are no pictures passed over"),
            (self.hidden, "hidden left out"),
        ]
        lines = [f"{count} {text}" for count, text in parts if count]
        if dark and len(self.depths) > 1:
            lines.append("scaled differently: bits=… makes their brightness one")
        return lines

    def with_skipped(self, more: Sequence[Skipped]) -> "PackReport":
        """The same with images that could not even be listed in front."""
        kinds = Counter(dict(self.skipped_kinds))
        if more:
            kinds["annotation file that cannot be read"] += len(more)
        return self._replace(skipped=list(more) + self.skipped, skipped_kinds=kinds.most_common())


def _counted(kinds: Counts) -> str:
    if not kinds:
        return ""
    parts = [f"{count} {kind}" for kind, count in kinds[:MOST_KINDS]]
    rest = sum(count for _, count in kinds[MOST_KINDS:])
    return f" ({', '.join(parts + ([f'{rest} for other reasons'] if rest else []))})"


class Told:
    """Collects what an import tells of images and objects, for a report."""

    def __init__(self) -> None:
        self.skipped: List[Skipped] = []
        self.issues: List[AnnotationIssue] = []
        self.objects = self.changed = 0
        self.others = 0  # among the skipped
        self._dropped: Counter = Counter()
        self._images: Counter = Counter()

    def image(self, path: str, reason: str, kind: str = "", objects: int = 0) -> None:
        self.skipped.append((path, reason))
        if kind:
            self._images[kind] += 1
        if objects:
            self._dropped["of images that are skipped"] += objects

    def issue(self, issue: AnnotationIssue, objects: int = 0) -> None:
        self.issues.append(issue)
        if objects:
            self._dropped[issue.kind or issue.reason] += objects

    def earlier(self, listed: Iterable[Any]) -> None:
        """Issues that a from_…() put into its dict: it has already left those entries out."""
        changed = set()
        for each in listed:
            issue = AnnotationIssue(**each)
            self.issue(issue, int(issue.entry == "annotation" and issue.action == "skipped"))
            if issue.entry == "annotation" and issue.action in ("clipped", "changed"):
                changed.add((issue.file, issue.id))
        self.changed += len(changed)

    def report(self, added: int, has_objects: bool) -> PackReport:
        return PackReport(
            added, self.skipped, self.issues, self.objects, min(self.changed, self.objects),
            sum(self._dropped.values()), self._dropped.most_common(), self._images.most_common(),
            has_objects, others=self.others)


def issue_of(action: str, number: Optional[int], file: str, kind: str, reason: str = "") -> Dict[str, Any]:
    """An AnnotationIssue of an annotation, as a from_…() puts it into its dict's "issues"."""
    return AnnotationIssue("annotation", number, file, action, reason or kind, kind)._asdict()


def note_of(text: str) -> Dict[str, Any]:
    """A note on a whole folder, for a dict's "issues"."""
    return AnnotationIssue("file", None, "", "noted", text, text)._asdict()
