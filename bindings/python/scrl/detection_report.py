"""A detector's report: curves of its losses, detections beside the truth, precision over recall.

Every figure is computed here: the detector looks at pictures of the dataset, and coco.evaluate()
compares.
"""

import os
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from . import coco, progress as bars
from ._abi import PathLike
from .config import Config
from .dataset import Dataset
from .detector import Detections, Detector, results_of
from .drawing import draw
from .errors import DataError
from .page import escape, frame, picture, table, tile
from .pictures import inline_svg, is_number, smoothed

MEASURED = 200       # pictures that the figures are computed from, at most
LEAST_SCORE = 0.5    # of detections that are drawn
PICTURE_SIDE = 320   # small pictures are enlarged by a whole number up to about this
PARTS = (("rpn_objectness", "proposals: object or not", "#3cb44b"),
         ("rpn_box", "proposals: where", "#d9822b"),
         ("classification", "regions: class", "#2f76c9"),
         ("box", "regions: where", "#911eb4"), ("mask", "regions: pixels", "#e6194b"))
KINDS = {"bbox": "boxes", "segm": "masks"}


class Seen(NamedTuple):
    """What the detector was shown and what it said."""

    truth: Dict[str, Any]        # COCO annotations of the pictures
    results: List[Dict[str, Any]]  # COCO results
    pictures: List[Tuple[int, np.ndarray, np.ndarray]]  # index, truth drawn, detections drawn
    unreadable: int              # pictures that it could not be shown
    unknown: Sequence[str] = ()  # the dataset's classes that it lacks: not in the truth


# ------------------------------------------------------------------ looking

def truth_of(dataset: Dataset, images: Sequence[int], categories: Sequence[int],
             names: Sequence[str], labels: Optional[Sequence[int]] = None) -> Dict[str, Any]:
    """Pictures' labelled boxes as COCO annotations; an image's id is its number + 1.

    categories, names  of the detector's classes.
    labels             the dataset's number of each of them, −1: none; boxes of other classes are left
                       out. None: the dataset has the detector's numbers.
    """
    known = range(len(categories)) if labels is None else labels
    category_of = {label: number for label, number in zip(known, categories) if label >= 0}
    tree: Dict[str, Any] = {
        "images": [], "annotations": [],
        "categories": [{"id": number, "name": name} for number, name in zip(categories, names)]}
    for index in images:
        height, width = dataset.size(index)
        tree["images"].append({"id": index + 1, "file_name": dataset.name(index) or f"{index}.jpg",
                               "height": height, "width": width})
        crowd, areas = dataset.crowd(index).tolist(), dataset.areas(index).tolist()
        for place, ((x0, y0, x1, y1), label) in enumerate(
                zip(dataset.boxes(index).tolist(), dataset.box_labels(index).tolist())):
            if label not in category_of:
                continue
            note: Dict[str, Any] = {
                "id": len(tree["annotations"]) + 1, "image_id": index + 1,
                "iscrowd": int(crowd[place]), "category_id": category_of[label],
                "bbox": [x0, y0, x1 - x0, y1 - y0], "area": areas[place]}
            mask = dataset.mask(index, place)
            if mask:
                note["segmentation"] = {"size": [height, width], "counts": mask}
            tree["annotations"].append(note)
    return tree


def _labelled(dataset: Dataset, index: int, label_of: Dict[int, int]) -> Detections:
    """A picture's truth as if it had been detected, without scores.

    label_of  what the dataset's classes are called here; those that are not in it have no class.
    """
    boxes = dataset.boxes(index)
    labels = np.array([label_of.get(label, -1) for label in dataset.box_labels(index).tolist()], np.int32)
    masks = [dataset.mask(index, place) for place in range(len(boxes))]
    size = list(dataset.size(index))
    return Detections(
        boxes, labels, np.full(len(boxes), np.nan, np.float32),
        [{"size": size, "counts": mask} for mask in masks] if masks and all(masks) else None)


def enlarged(pixels: np.ndarray, found: Detections) -> Tuple[np.ndarray, Detections]:
    """A small picture and what is in it, as many times as large as fits PICTURE_SIDE."""
    times = max(1, round(PICTURE_SIDE / max(pixels.shape[:2])))
    if times == 1:
        return pixels, found

    def grown(array: np.ndarray) -> np.ndarray:
        return array.repeat(times, 0).repeat(times, 1)

    masks = None if found.masks is None else [
        coco.encode_mask(grown(coco.decode_mask(each))) for each in found.masks]
    return grown(pixels), Detections(found.boxes * times, found.labels, found.scores, masks)


def look(detector: Detector, dataset: Dataset, images: int, measured: int, progress: bool) -> Seen:
    """Shows the detector the first pictures; draws some of those with objects."""
    count = min(measured, len(dataset))
    names, ids = detector.classes, detector.category_ids
    labels, _ = detector.match_classes(dataset)
    # What is drawn has the detector's numbers, and after them those of classes that it lacks.
    label_of = {label: mine for mine, label in enumerate(labels) if label >= 0}
    shown = list(names)
    for label, name in enumerate(dataset.classes):
        if label not in label_of:
            label_of[label] = len(shown)
            shown.append(name)
    results, pictures, readable = [], [], []
    with bars.counter("detecting", "images", progress) as show:
        for index in range(count):
            show(index, count)
            try:
                pixels = dataset[index]
            except DataError:
                continue
            readable.append(index)
            found = detector.predict(pixels)
            results += results_of(found, index + 1, ids)
            if len(pictures) < images and len(dataset.boxes(index)):
                drawn = [np.asarray(draw(*enlarged(pixels, each), shown))
                         for each in (_labelled(dataset, index, label_of), found.above(LEAST_SCORE))]
                pictures.append((index, drawn[0], drawn[1]))
        show(count, count)
    return Seen(truth_of(dataset, readable, ids, names, labels), results, pictures,
                count - len(readable), shown[len(names):])


def figures_of(seen: Seen, kind: str) -> coco.CocoMetrics:
    """COCO's figures with every class's precision over recall."""
    results = seen.results
    if kind == "segm":  # with a bbox, areas would be those of the boxes
        results = [{key: each[key] for key in each if key != "bbox"} for each in results]
    return coco.evaluate(seen.truth, results, kind, curves=True)


# ------------------------------------------------------------------ pictures

def loss_curves(metrics: List[Dict[str, Any]]) -> str:
    """The five parts of the loss by step, each as a moving mean, as inline SVG."""
    with inline_svg(figsize=(9.2, 3.6)) as (_, axes, drawn):
        for key, name, colour in PARTS:
            points = [(line["step"], line[key]) for line in metrics
                      if is_number(line.get(key)) and is_number(line.get("loss"))]
            steps, values = np.array(points, float).reshape(-1, 2).T
            if len(values) and values.any():
                later, smooth = smoothed(values)
                axes.plot(steps[later:], smooth, label=name, color=colour, linewidth=1.8)
        axes.set_xlabel("step")
        axes.set_ylabel("loss")
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, fontsize=10)
    return drawn[0]


def mean_precision(figures: coco.CocoMetrics) -> np.ndarray:
    """Precision over thresholds and recalls (T,R), mean over the classes that have objects."""
    there = [each.objects > 0 for each in figures.per_class]
    curves = figures.precision[np.array(there, bool)]
    return curves.mean(0) if len(curves) else np.full(figures.precision.shape[1:], np.nan)


def precision_curves(figures: Dict[str, coco.CocoMetrics]) -> str:
    """Precision over recall at IoU 0.50, 0.75, 0.90, of boxes and of masks, as inline SVG."""
    with inline_svg(1, len(figures), figsize=(4.6 * len(figures), 3.4), squeeze=False) as (
            _, grid, drawn):
        for axes, (kind, each) in zip(grid.flat, figures.items()):
            precision = mean_precision(each)
            for place, colour in ((0, "#2f76c9"), (5, "#d9822b"), (8, "#e6194b")):
                axes.plot(each.recalls, precision[place], color=colour, linewidth=1.8,
                          label=f"IoU {each.thresholds[place]:.2f}: AP "
                                f"{100 * precision[place].mean():.1f}")
            axes.set_title(KINDS[kind], fontsize=11)
            axes.set_xlabel("recall")
            axes.set_xlim(0, 1)
            axes.set_ylim(0, 1.02)
            axes.legend(frameon=False, fontsize=9)
        grid[0, 0].set_ylabel("precision")
    return drawn[0]


# ------------------------------------------------------------------ the page

def _told(value: Any) -> str:
    return f"{100 * value:.1f}" if is_number(value) and value >= 0 else "–"


def _by_class(figures: Dict[str, coco.CocoMetrics]) -> str:
    rows = []
    for places in zip(*(each.per_class for each in figures.values())):
        rows.append([places[0].name, places[0].objects,
                     *(_told(value) for each in places for value in (each.AP, each.AP50))])
    heads = [f"{KINDS[kind]} {key}" for kind in figures for key in ("AP", "AP50")]
    return table(["class", "objects", *heads], rows, numeric=True)


def _figures(figures: Dict[str, coco.CocoMetrics]) -> str:
    names = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100")
    return table(["COCO, %", *(KINDS[kind] for kind in figures)],
                 [[name, *(_told(getattr(each, name)) for each in figures.values())]
                  for name in names],
                 numeric=True)


def render(folder: str, config: Config, metrics: List[Dict[str, Any]], data: str, seen: Seen,
           figures: Dict[str, coco.CocoMetrics]) -> str:
    """The page."""
    count = len(seen.truth["images"])
    unreadable = f" {seen.unreadable:,} more could not be read." if seen.unreadable else ""
    if seen.unknown:
        unreadable += (" The detector lacks these classes of the pictures, which no figure counts: "
                       f"{', '.join(map(escape, seen.unknown))}.")
    tiles = [tile(f"{_told(each.AP)} %", f"AP of {KINDS[kind]}, COCO's, on {count} pictures")
             for kind, each in figures.items()]
    tiles.append(tile(f"{_told(figures['bbox'].AP50)} %", "AP50 of boxes"))
    tiles.append(tile(f"{metrics[-1]['step'] if metrics else 0:,}",
                      f"steps of {config['detect.batch']} images"))
    pairs = "".join(
        '<div class="card pair">' + "".join(
            f"<figure>{picture(pixels, words)}<figcaption>{words}</figcaption></figure>"
            for pixels, words in (
                (truth, f"image {index}: what is there"),
                (found, f"found with a score of {LEAST_SCORE:g} and more"))) + "</div>"
        for index, truth, found in seen.pictures)
    options = [[key, value] for key, value in config.items()]
    return frame(f"detector · {config['model.arch']}", f"""<p class="soft">Report of the detector in
<code>{escape(folder)}</code>, looking at the first {count:,} pictures of
<code>{escape(data)}</code>.{unreadable} When it learnt from those pictures, the figures say how well it
remembers, not how well it finds.</p>
<div class="tiles">{"".join(tiles)}</div>
<h2>Learning curves</h2>
<p class="soft">Moving means of the five parts of the loss.</p>
<div class="card">{loss_curves(metrics)}</div>
<h2>What it finds</h2>
<p class="soft">Left what is there, right what was found.</p>
<div class="pairs">{pairs}</div>
<h2>Precision over recall</h2>
<p class="soft">Mean over the classes, at three of COCO's ten overlaps.</p>
<div class="card">{precision_curves(figures)}</div>
<h2>Numbers</h2>
<div class="card">{_figures(figures)}</div>
<div class="card" style="margin-top:18px">{_by_class(figures)}
<details><summary>all options</summary>{table(["key", "value"], options)}</details></div>""")


def write(folder: str, out: PathLike, metrics: List[Dict[str, Any]],
          open_dataset: Callable[[str, Any], Dataset], dataset: Any, images: int,
          progress: bool, measured: int = MEASURED) -> Dict[str, Any]:
    """Writes the page; returns its main numbers: steps, images, and COCO's figures by kind."""
    data = open_dataset(folder, dataset)
    with Detector.load(folder) as detector:
        config = detector.config
        seen = look(detector, data, images + images % 2, measured, progress)
    has_masks = config["detect.kind"] == "mask" and all(
        "segmentation" in note for note in seen.truth["annotations"])
    kinds = ("bbox", "segm") if has_masks else ("bbox",)
    figures = {kind: figures_of(seen, kind) for kind in kinds}
    page = render(folder, config, metrics, data.path, seen, figures)
    if data is not dataset:
        data.close()
    from .report import write_page  # which imports this module

    write_page(os.fsdecode(out), page)
    return {"steps": metrics[-1]["step"] if metrics else 0, "images": len(seen.truth["images"]),
            **{kind: {name: getattr(each, name) for name in ("AP", "AP50", "AP75")}
               for kind, each in figures.items()}}
