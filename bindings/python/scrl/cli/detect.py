"""`scrl detect train`, `scrl detect predict`, `scrl detect eval`."""

import json
import os
import time
from itertools import count
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import typer

from .coco import MAX_DETECTIONS, class_lines, figure_rows, limits_of
from .fitting import fit
from .make import BITS, ON_TRUNCATED, picture_rules
from .output import Failure, collect_notes, emit, say, table
from .train import place, settings


def train(
    data: Optional[str] = typer.Option(
        None, "--data", help="Dataset with boxes (`scrl pack --annotations`)."),
    out: str = typer.Option(..., "--out", help="Run folder; made when missing."),
    weights: Optional[str] = typer.Option(
        None, "--weights", help="What to start from: a run folder or checkpoint of `scrl pretrain` "
        "or of a detector, whose predictors go class by class, by name; or a .pth file. Without it: fresh "
        "weights."),
    preset: Optional[str] = typer.Option(
        None, "--preset", help="Where options start: detect-small, which is what it takes, or "
        "detect-1x."),
    set_: Optional[List[str]] = typer.Option(
        None, "--set", help="KEY=VALUE, as often as wanted (`scrl config detect` lists keys)."),
    steps: Optional[int] = typer.Option(
        None, "--steps", help="Steps of the whole schedule (sets detect.steps).", min=1),
    resume: bool = typer.Option(
        False, "--resume", help="Go on with the run in --out, exactly but for what --set changes."),
    json_lines: bool = typer.Option(
        False, "--json", help="One JSON object a step, and one at the end."),
) -> None:
    """Trains a detector: boxes and masks, or with `--set detect.kind=faster` boxes alone.

    The backbone is ResNet-18 for detect-small, or that of `--weights`. detect-small suits pictures of
    some 160 pixels and a few cores; for larger ones set detect.min_size, detect.test_size and
    detect.max_size. detect-1x is Detectron2's recipe for COCO: much too long for a few cores.

    Images without any box are left out and counted; `--set detect.empty=true` trains on them as
    background.

    Ctrl-C, SIGTERM and SIGHUP save; `--resume` goes on exactly, or with `--set` otherwise: keys that
    `scrl config detect` marks as free to change. The run folder ends with checkpoint.h5 and
    metrics.jsonl; all else about it is as in `scrl pretrain`.

    Examples:

    `scrl synth --out scenes/ && scrl pack scenes/ --annotations scenes/annotations.json --out d.h5`

    `scrl detect train --data d.h5 --out det/`

    `scrl detect train --data d.h5 --out det/ --weights run/ --steps 500 --set detect.norm=frozen`

    `scrl detect train --out det/ --resume`
    """
    from .. import Detector
    from ..detector import PRESET

    collect_notes()
    if resume:
        if weights or preset or steps is not None:
            raise Failure("--resume goes on with the run's own options: leave out --weights, --preset "
                          "and --steps; --set detect.steps=N makes it longer", 2)
        run, out = place(out)
        if os.path.isfile(run):
            raise Failure(f"--out is {run}, a file: expected the run folder", 2)
        detector = Detector.resume(run, data, **settings(set_))
    elif data is None:
        raise Failure("--data is missing: a dataset with boxes, or --resume for one that is told", 2)
    else:
        values: Dict[str, Any] = dict(settings(set_))
        if steps is not None:
            values["detect.steps"] = steps
        detector = Detector(_with_preset(preset or PRESET, values, weights), data, out, weights)
    with detector:
        _fit(detector, out, json_lines)


def _with_preset(preset: str, values: Dict[str, Any], weights: Optional[str]) -> Any:
    """A config from a preset; the weights' backbone unless model.arch is told."""
    from .. import Config
    from ..detector import backbone_of

    config = Config(preset, **values)
    if weights is not None and "model.arch" not in values:
        for key, value in backbone_of(weights).items():
            config[key] = value
    return config


def _fit(detector: Any, out: str, json_lines: bool) -> None:
    images = detector.images()
    done = fit(detector, int(detector.config["detect.batch"]),
               f"scrl detect train --out {out} --resume", json_lines)
    if json_lines:
        emit(event="end", step=done.step, total_steps=done.total_steps, seconds=done.seconds,
             out=out, loss=done.last and done.last.loss,
             images_per_second=done.images_per_second, **images._asdict())
    elif done.last is None:
        say(f"nothing to do: step {done.step} of {done.total_steps}")
    else:
        say(f"step {done.step} of {done.total_steps}, loss {done.last.loss:.4f}, "
            f"{done.images_per_second:.1f} images/s; {os.path.join(out, 'checkpoint.h5')}")
    if not json_lines:
        if images.empty:
            say(f"{images.empty} images without objects are learnt from as background")
        if images.left_out_empty:
            say(f"{images.left_out_empty} images without objects are left out; "
                "--set detect.empty=true trains on them as background")
        if images.left_out_vague:
            say(f"{images.left_out_vague} images are left out: their boxes are all crowds, difficult, "
                "or without a class")


Listed = Tuple[int, str, Any]  # image id, name, pixels


def _pictures(images: List[str], data: Optional[str], rules: Any,
              notes: List[Tuple[str, str]]) -> Tuple[int, Iterator[Listed]]:
    """How many pictures, and their ids, names and pixels (an exception for what cannot be read).

    notes  receives (path, note) of hidden names and of pictures that are not as they seem.
    """
    from .. import Dataset
    from ..drawing import read_picture
    from ..errors import Error
    from ..reading import files_below

    if data is not None:
        dataset = Dataset(data)

        known = [dataset.image_id(index) for index in range(len(dataset))]
        taken = {each for each in known if each is not None}
        free = (number for number in count(1) if number not in taken)

        def of_dataset() -> Iterator[Listed]:
            for index, each in enumerate(known):
                name = dataset.name(index) or f"image {index}"
                try:
                    yield next(free) if each is None else each, name, dataset[index]
                except Error as error:
                    yield -1, name, error

        return len(dataset), of_dataset()
    files: List[str] = []
    for each in images:
        if os.path.isdir(each):
            found, hidden = files_below(each)
            files += found
            notes += [(path, "left out: a hidden file or folder") for path in hidden]
        else:
            files.append(each)

    def of_files() -> Iterator[Listed]:
        for index, path in enumerate(files):
            try:
                pixels, picture = read_picture(path, rules)
                turned = picture.orientation > 1 and pixels is not picture.pixels
                notes.extend((path, note) for note in (
                    [f"turned by its EXIF orientation {picture.orientation}"] if turned else [])
                    + picture.notes)
                yield index + 1, path, pixels
            except (Error, OSError) as error:
                yield index + 1, path, error

    return len(files), of_files()


def predict(
    images: Optional[List[str]] = typer.Argument(None, help="Pictures, or folders of them."),
    checkpoint: str = typer.Option(..., "--checkpoint", help="A detector's run folder or checkpoint."),
    data: Optional[str] = typer.Option(
        None, "--data", help="Instead of pictures: a dataset of `scrl pack`."),
    out: Optional[str] = typer.Option(
        None, "--out", help="COCO results JSON. Ids of images and categories are the dataset's, of "
        "classes that it lacks free ones; images of files have their number in the list, from 1, with a "
        "file_name beside it."),
    pictures: Optional[str] = typer.Option(
        None, "--pictures", help="Folder for pictures with boxes and masks drawn on them."),
    threshold: float = typer.Option(
        0.5, "--threshold", help="Lowest score that is drawn and counted.", min=0, max=1),
    orientation: str = typer.Option(
        "apply", "--orientation", help="Files with an EXIF orientation: apply, ignore or refuse."),
    on_truncated: str = ON_TRUNCATED, bits: Optional[int] = BITS,
    json_lines: bool = typer.Option(
        False, "--json", help="One JSON object a picture; event left_out: it could not be read; "
        "event picture_note: it is not as it seems."),
) -> None:
    """Finds things in pictures: class, score, box and mask of each.

    Examples:

    `scrl detect predict --checkpoint det/ photos/ --pictures drawn/`

    `scrl detect predict --checkpoint det/ --data test.h5 --out results.json`

    `scrl detect predict --checkpoint det/ photo.jpg --json`
    """
    from .. import Detector, outputs, progress as bars

    rules = picture_rules("detect predict", orientation, on_truncated, bits)
    if bool(images) == (data is not None):
        raise Failure("expected pictures, or --data with a dataset, and not both", 2)
    collect_notes()
    inputs = [*(images or []), *([data] if data else []), checkpoint]
    if out is not None:
        outputs.check(out, "results", *inputs)
    if pictures:
        os.makedirs(pictures, exist_ok=True)
    start = time.perf_counter()
    with Detector.load(checkpoint) as detector:
        notes: List[Tuple[str, str]] = []
        total, listed = _pictures(images or [], data, rules, notes)
        ids = detector.category_ids if data is None else _category_ids(detector, data)
        finder = _Finder(detector, ids, data is None, threshold, pictures, json_lines)
        with bars.counter("detecting", "images", not json_lines) as show:
            for number, each in enumerate(listed, 1):
                finder.look(*each)
                show(number, total)
    left_out = finder.left_out
    if not finder.seen:
        why = f"; first: {left_out[0][0]}: {left_out[0][1]}" if left_out else ""
        raise Failure(f"none of {len(left_out)} pictures could be read{why}")
    if out is not None:
        with outputs.whole_file(out, "results", *inputs) as part:
            Path(part).write_text(json.dumps(finder.results), "utf-8")
    if json_lines:
        for path, note in notes:
            emit(event="picture_note", file_name=path, note=note)
    else:
        rate = finder.seen / max(time.perf_counter() - start, 1e-9)
        say(f"{finder.seen} pictures, {len(finder.results)} detections, {finder.kept} of score "
            f"{threshold:g} and more, {rate:.1f} images/s" + (f"; {out}" if out else "")
            + (f"; {pictures}" if pictures else ""))
        for name, why in left_out[:20]:
            say(f"left out: {name}: {why}")
        if len(left_out) > 20:
            say(f"left out: and {len(left_out) - 20} more (all of them with --json)")
        for path, note in notes[:20]:
            say(f"note: {path}: {note}")
        if len(notes) > 20:
            say(f"note: and {len(notes) - 20} more (all of them with --json)")


def _category_ids(detector: Any, data: str) -> List[int]:
    """COCO's ids of the detector's classes in a dataset; free ones for those that it lacks."""
    from .. import Dataset
    from ..errors import DataError

    own = detector.category_ids
    with Dataset(data) as dataset:
        if not dataset.classes and not any(len(dataset.boxes(each)) for each in range(len(dataset))):
            return own
        ids = dataset.class_ids
        taken = set() if ids is None else set(ids.tolist())
        try:
            known = detector.match_classes(dataset)[1]
        except DataError:  # no class in common
            known = [-1] * len(own)
    taken.update(number for number in known if number >= 0)
    free = (number for number in count(1) if number not in taken)
    return [number if number >= 0 else next(free) for number in known]


class _Finder:
    """Looks at one picture after the other: tells, draws and keeps what is found."""

    def __init__(self, detector: Any, ids: List[int], are_files: bool, threshold: float,
                 pictures: Optional[str], json_lines: bool) -> None:
        self.detector, self.names, self.ids = detector, detector.classes, ids
        self.are_files, self.threshold = are_files, threshold
        self.pictures, self.json_lines = pictures, json_lines
        self.results: List[Dict[str, Any]] = []     # COCO's
        self.left_out: List[Tuple[str, str]] = []   # name, why
        self.seen = self.kept = 0

    def look(self, image_id: int, name: str, pixels: Any) -> None:
        from .. import outputs
        from ..detector import results_of
        from ..drawing import draw, save

        if isinstance(pixels, Exception):
            self.left_out.append((name, str(pixels)))
            if self.json_lines:
                emit(event="left_out", file_name=name, reason=str(pixels))
            return
        found = self.detector.predict(pixels)
        made = results_of(found, image_id, self.ids)
        if self.are_files:
            made = [{**each, "file_name": name} for each in made]
        sure = found.above(self.threshold)
        self.seen += 1
        self.kept += len(sure)
        self.results += made
        if self.json_lines:
            emit(image_id=image_id, file_name=name, detections=[
                {**each, "label": int(label), "name": self.names[label]}
                for each, label in zip(made, found.labels)])
        if self.pictures:
            stem = f"{image_id:06d}-{Path(name).stem}.jpg"
            target = os.path.join(self.pictures, stem)
            with outputs.whole_file(target, "picture", *([name] if self.are_files else [])) as part:
                save(draw(pixels, sure, self.names), part)


def evaluate(
    checkpoint: str = typer.Option(..., "--checkpoint", help="A detector's run folder or checkpoint."),
    data: str = typer.Option(..., "--data", help="Dataset with boxes to compare with."),
    results: Optional[str] = typer.Option(
        None, "--results", help="Keeps the detections as COCO results JSON, with the ids that the "
        "dataset has as a COCO file."),
    max_detections: str = MAX_DETECTIONS,
    json_lines: bool = typer.Option(False, "--json", help="The last line is one JSON object."),
) -> None:
    """COCO's figures of a detector on a dataset, for boxes and, where it makes them, masks.

    AP is the mean over IoU thresholds 0.50 … 0.95; all are shares in 0 … 100, as is usual. "–": no
    thing of that size. Classes go by name; objects of classes that the detector lacks, and its
    detections of classes that the dataset lacks, are left out and counted.

    Examples:

    `scrl detect eval --checkpoint det/ --data test.h5`

    `scrl detect eval --checkpoint det/ --data test.h5 --results results.json --json`
    """
    from .. import Detector

    collect_notes()
    start = time.perf_counter()
    with Detector.load(checkpoint) as detector:
        report = detector.evaluate(data, results=results, progress=not json_lines,
                                   max_detections=limits_of(max_detections))
    seconds = time.perf_counter() - start
    if json_lines:
        emit(**{kind: figures._asdict() for kind, figures in report.items()}, seconds=seconds)
        return
    kinds = list(report)
    first = report[kinds[0]]

    def shown(value: Any) -> str:
        return "–" if value < 0 or value != value else f"{100 * value:.1f}"

    fields = [field for field in first._fields if isinstance(getattr(first, field), float)]
    rows = [[called, *(shown(getattr(report[kind], field)) for kind in kinds)]
            for field, called, _ in figure_rows(fields, first.max_detections)]
    table("", ["COCO", *kinds], rows)
    for line in class_lines(first, "the detector"):
        say(line)
    if first.matched_by == "numbers":
        say("classes are compared by number: the detector or the dataset has no names")
    left_out = first.left_out
    say(f"{seconds:.1f} seconds" + (f"; {left_out} images could not be read and are left out"
                                    if left_out else ""))
