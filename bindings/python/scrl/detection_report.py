"""A detector's report: curves of its losses, detections beside the truth, precision over recall.

Every figure is computed here: the detector looks at pictures of the dataset, and
scrl_coco_evaluate() compares.
"""

import json
import os
from ctypes import byref
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from . import _ffi, coco
from ._ffi import PathLike, lib
from .config import Config
from .dataset import Dataset
from .detector import Detections, Detector, results_of
from .drawing import draw
from .page import escape, frame, picture, table, tile
from .pictures import inline_svg, is_number, smoothed

MEASURED = 200       # pictures that the figures are computed from, at most
LEAST_SCORE = 0.5    # of detections that are drawn
PICTURE_SIDE = 320   # small pictures are enlarged by a whole number up to about this
PARTS = (("rpn_objectness", "proposals: object or not", "#3cb44b"),
         ("rpn_box", "proposals: where", "#d9822b"),
         ("classification", "regions: class", "#2f76c9"),
         ("box", "regions: where", "#911eb4"), ("mask", "regions: pixels", "#e6194b"))
KINDS = {"bbox": (0, "boxes"), "segm": (1, "masks")}


class Seen(NamedTuple):
    """What the detector was shown and what it said."""

    truth: Dict[str, Any]        # COCO annotations of the pictures
    results: List[Dict[str, Any]]  # COCO results
    pictures: List[Tuple[int, np.ndarray, np.ndarray]]  # index, truth drawn, detections drawn


# ------------------------------------------------------------------ looking

def truth_of(dataset: Dataset, images: int, categories: Sequence[int], names: Sequence[str]
             ) -> Dict[str, Any]:
    """The first pictures' labelled boxes as COCO annotations; an image's id is its number + 1."""
    tree: Dict[str, Any] = {
        "images": [], "annotations": [],
        "categories": [{"id": number, "name": name} for number, name in zip(categories, names)]}
    for index in range(images):
        height, width = dataset.size(index)
        tree["images"].append({"id": index + 1, "file_name": dataset.name(index) or f"{index}.jpg",
                               "height": height, "width": width})
        crowd, areas = dataset.crowd(index).tolist(), dataset.areas(index).tolist()
        for place, ((x0, y0, x1, y1), label) in enumerate(
                zip(dataset.boxes(index).tolist(), dataset.box_labels(index).tolist())):
            if not 0 <= label < len(categories):
                continue
            note: Dict[str, Any] = {
                "id": len(tree["annotations"]) + 1, "image_id": index + 1,
                "iscrowd": int(crowd[place]), "category_id": categories[label],
                "bbox": [x0, y0, x1 - x0, y1 - y0], "area": areas[place]}
            mask = dataset.mask(index, place)
            if mask:
                note["segmentation"] = {"size": [height, width], "counts": mask}
            tree["annotations"].append(note)
    return tree


def _labelled(dataset: Dataset, index: int) -> Detections:
    """A picture's truth as if it had been detected, without scores."""
    boxes, labels = dataset.boxes(index), dataset.box_labels(index)
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


def look(detector: Detector, dataset: Dataset, images: int, measured: int) -> Seen:
    """Shows the detector the first pictures; draws some of those with objects."""
    count = min(measured, len(dataset))
    names, ids = detector.classes, detector.category_ids
    results, pictures = [], []
    for index in range(count):
        pixels = dataset[index]
        found = detector.predict(pixels)
        results += results_of(found, index + 1, ids)
        if len(pictures) < images and len(dataset.boxes(index)):
            drawn = [np.asarray(draw(*enlarged(pixels, each), names))
                     for each in (_labelled(dataset, index), found.above(LEAST_SCORE))]
            pictures.append((index, drawn[0], drawn[1]))
    return Seen(truth_of(dataset, count, ids, names), results, pictures)


def details_of(seen: Seen, kind: str) -> Dict[str, Any]:
    """scrl_coco_evaluate()'s details with every class's precision over recall."""
    results = seen.results
    if kind == "segm":  # with a bbox, areas would be those of the boxes
        results = [{key: each[key] for key in each if key != "bbox"} for each in results]
    truth, results = (json.dumps(each).encode() for each in (seen.truth, results))
    texts: List[str] = []

    def hear(text: bytes, count: int, _user: Any) -> None:
        texts.append(text.decode("utf-8"))

    listener = _ffi.scrl_text_fn(hear)
    options = _ffi.scrl_coco_metrics_options(curves=1, details=listener)
    _ffi.check(lib.scrl_coco_evaluate(truth, len(truth), results, len(results), KINDS[kind][0],
                                      byref(options), None))
    return json.loads(texts[0])


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


def mean_precision(details: Dict[str, Any]) -> np.ndarray:
    """Precision (10,101) over thresholds and recalls, mean over the classes that have objects."""
    of_classes = np.array([each["precision"] for each in details["categories"] if each["objects"]],
                          float).reshape(-1, 10, 101)
    return of_classes.mean(0) if len(of_classes) else np.full((10, 101), np.nan)


def precision_curves(details: Dict[str, Dict[str, Any]]) -> str:
    """Precision over recall at IoU 0.50, 0.75, 0.90, of boxes and of masks, as inline SVG."""
    with inline_svg(1, len(details), figsize=(4.6 * len(details), 3.4), squeeze=False) as (
            _, grid, drawn):
        for axes, (kind, each) in zip(grid.flat, details.items()):
            precision, recalls = mean_precision(each), each["recalls"]
            for place, colour in ((0, "#2f76c9"), (5, "#d9822b"), (8, "#e6194b")):
                axes.plot(recalls, precision[place], color=colour, linewidth=1.8,
                          label=f"IoU {each['thresholds'][place]:.2f}: AP "
                                f"{100 * precision[place].mean():.1f}")
            axes.set_title(KINDS[kind][1], fontsize=11)
            axes.set_xlabel("recall")
            axes.set_xlim(0, 1)
            axes.set_ylim(0, 1.02)
            axes.legend(frameon=False, fontsize=9)
        grid[0, 0].set_ylabel("precision")
    return drawn[0]


# ------------------------------------------------------------------ the page

def _told(value: Any) -> str:
    return f"{100 * value:.1f}" if is_number(value) and value >= 0 else "–"


def _by_class(details: Dict[str, Dict[str, Any]]) -> str:
    kinds = list(details)
    rows = []
    for places in zip(*(details[kind]["categories"] for kind in kinds)):
        rows.append([places[0]["name"], places[0]["objects"],
                     *(_told(each[key]) for each in places for key in ("AP", "AP50"))])
    heads = [f"{KINDS[kind][1]} {key}" for kind in kinds for key in ("AP", "AP50")]
    return table(["class", "objects", *heads], rows, numeric=True)


def _figures(details: Dict[str, Dict[str, Any]]) -> str:
    names = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100")
    return table(["COCO, %", *(KINDS[kind][1] for kind in details)],
                 [[name, *(_told(each[name]) for each in details.values())] for name in names],
                 numeric=True)


def render(folder: str, config: Config, metrics: List[Dict[str, Any]], data: str, seen: Seen,
           details: Dict[str, Dict[str, Any]]) -> str:
    """The page."""
    count = len(seen.truth["images"])
    tiles = [tile(f"{_told(details[kind]['AP'])} %", f"AP of {KINDS[kind][1]}, COCO's, on "
                  f"{count} pictures") for kind in details]
    tiles.append(tile(f"{_told(details['bbox']['AP50'])} %", "AP50 of boxes"))
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
<code>{escape(data)}</code>. When it learnt from those pictures, the figures say how well it
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
<div class="card">{precision_curves(details)}</div>
<h2>Numbers</h2>
<div class="card">{_figures(details)}</div>
<div class="card" style="margin-top:18px">{_by_class(details)}
<details><summary>all options</summary>{table(["key", "value"], options)}</details></div>""")


def write(folder: str, out: PathLike, metrics: List[Dict[str, Any]],
          open_dataset: Callable[[str, Any], Dataset], dataset: Any, images: int,
          measured: int = MEASURED) -> Dict[str, Any]:
    """Writes the page; returns its main numbers: steps, images, and COCO's figures by kind."""
    data = open_dataset(folder, dataset)
    with Detector.load(folder) as detector:
        config = detector.config
        seen = look(detector, data, images + images % 2, measured)
    has_masks = config["detect.kind"] == "mask" and all(
        "segmentation" in note for note in seen.truth["annotations"])
    kinds = ("bbox", "segm") if has_masks else ("bbox",)
    details = {kind: details_of(seen, kind) for kind in kinds}
    page = render(folder, config, metrics, data.path, seen, details)
    if data is not dataset:
        data.close()
    target = Path(os.fsdecode(out))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page, "utf-8")
    return {"steps": metrics[-1]["step"] if metrics else 0, "images": len(seen.truth["images"]),
            **{kind: {name: each[name] for name in ("AP", "AP50", "AP75")}
               for kind, each in details.items()}}
