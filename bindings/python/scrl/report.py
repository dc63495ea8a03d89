"""Report: one self-contained HTML page about a run, for light and dark screens.

Curves, matched boxes drawn on the views, feature maps before and after as colours, and numbers. Every
figure on it is computed here from the run; none is quoted.
"""

import base64
import html
import io
import json
import os
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from . import __version__, probe, views as make_views
from ._ffi import PathLike
from .config import Config
from .dataset import Dataset
from .errors import DataError, Error, StorageError
from .model import Model
from .views import ViewPair

COLOURS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#42d4f4", "#f032e6", "#bfef45",
           "#fabed4", "#469990", "#ffe119", "#9a6324", "#dcbeff", "#aaffc3", "#800000", "#ffd8b1")
FEATURE_SIDE = 320  # pixels: images are enlarged so that their feature maps have cells to look at
INK = "#123456"     # stands for currentColor in a figure
PICTURE_SIDE = 256


class _Facts(NamedTuple):
    """All that the page tells."""

    run: str
    config: Config
    metrics: List[Dict[str, Any]]
    images: int
    views: List[Tuple[int, ViewPair]]
    features: Dict[str, List[np.ndarray]]  # column → pictures (h,w,3) uint8
    cells: Tuple[int, int]
    before: Optional[probe.RegionScore]
    after: Optional[probe.RegionScore]


# ------------------------------------------------------------------ reading a run

def read_metrics(run: PathLike) -> List[Dict[str, Any]]:
    """The lines of a run's metrics.jsonl; a torn last line is passed over."""
    path = Path(os.fsdecode(run)) / "metrics.jsonl"
    lines = []
    if path.is_file():
        for text in path.read_text("utf-8", "replace").splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict) and "step" in line:
                lines.append(line)
    return lines


def dataset_path(run: PathLike) -> Optional[str]:
    """The dataset that a run's checkpoint names; None when that cannot be told."""
    try:
        import h5py

        with h5py.File(os.path.join(os.fsdecode(run), "checkpoint.h5"), "r") as file:
            value = file["training"].attrs["dataset_path"]
    except (ImportError, OSError, KeyError):
        return None
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def _open_dataset(run: str, dataset: Any) -> Dataset:
    if isinstance(dataset, Dataset):
        return dataset
    path = dataset or dataset_path(run)
    if not path:
        raise DataError(f"report: {run} does not tell its dataset (or h5py is missing); name it "
                        "with --data")
    return Dataset(path)


# ------------------------------------------------------------------ pictures

def _pixels(view: np.ndarray) -> np.ndarray:
    """(3,S,S) normalised as (S,S,3) uint8."""
    image = view.transpose(1, 2, 0) * probe.DEVIATION + probe.MEAN
    return np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)


def _draw_boxes(pixels: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """A view, enlarged, with its boxes in the colours of their numbers."""
    from PIL import Image, ImageDraw

    image = Image.fromarray(pixels)
    scale = 2 * PICTURE_SIDE / image.width
    image = image.resize((2 * PICTURE_SIDE, round(image.height * scale)), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    for number, (x0, y0, x1, y1) in enumerate(boxes * scale):
        corners = [x0 + 2, y0 + 2, max(x1 - 3, x0 + 3), max(y1 - 3, y0 + 3)]
        pen.rectangle(corners, outline="#000000", width=7)
        pen.rectangle([corners[0] + 1, corners[1] + 1, corners[2] - 1, corners[3] - 1],
                      outline=COLOURS[number % len(COLOURS)], width=5)
    return np.asarray(image)


def _resized(pixels: np.ndarray, side: int) -> np.ndarray:
    """The centre square of a picture, side × side."""
    from PIL import Image

    short = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - short) // 2, (pixels.shape[1] - short) // 2
    square = Image.fromarray(pixels[top:top + short, left:left + short])
    return np.asarray(square.resize((side, side), Image.Resampling.BICUBIC))


def pca_pictures(maps: np.ndarray) -> List[np.ndarray]:
    """Feature maps (N,C,h,w) as N colour pictures: their three main directions, shared by all."""
    count, channels, height, width = maps.shape
    rows = maps.transpose(0, 2, 3, 1).reshape(-1, channels).astype(np.float64)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    rows -= rows.mean(0)
    _, directions = np.linalg.eigh(rows.T @ rows)
    colours = rows @ directions[:, :-4:-1]
    low, high = np.percentile(colours, (2, 98), axis=0)
    colours = np.clip((colours - low) / np.maximum(high - low, 1e-12), 0, 1)
    pictures = (colours.reshape(count, height, width, -1) * 255 + 0.5).astype(np.uint8)
    return [_resized(picture, PICTURE_SIDE) for picture in pictures]


def _feature_pictures(config: Config, trained: Model, dataset: Dataset, chosen: Sequence[int]
                      ) -> Tuple[Dict[str, List[np.ndarray]], Tuple[int, int]]:
    stage = str(config["roi.stage"])
    pixels = [_resized(dataset[index], FEATURE_SIDE) for index in chosen]
    batch = np.stack([probe.normalise(each) for each in pixels])
    with Model(config) as fresh:
        before = fresh.features(batch, stage)
    after = trained.features(batch, stage)
    columns = {"image": [_resized(each, PICTURE_SIDE) for each in pixels]}
    for name, maps in (("before", before), ("after", after)):
        if np.isfinite(maps).all() and maps.shape[1] >= 3:
            columns[name] = pca_pictures(maps)
    return columns, (after.shape[2], after.shape[3])


def _data_uri(pixels: np.ndarray) -> str:
    from PIL import Image

    room = io.BytesIO()
    Image.fromarray(pixels).save(room, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(room.getvalue()).decode("ascii")


def _curve(metrics: List[Dict[str, Any]]) -> str:
    """Loss and learning rate by step as inline SVG in the page's ink; needs matplotlib."""
    try:
        import matplotlib
    except ImportError:
        raise Error("report: needs matplotlib: pip install 'scrl[report]'") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    points = [(line["step"], line["loss"]) for line in metrics if _number(line.get("loss"))]
    steps, losses = np.array(points, float).reshape(-1, 2).T
    with plt.rc_context({
            "text.color": INK, "axes.edgecolor": INK, "axes.labelcolor": INK, "xtick.color": INK,
            "ytick.color": INK, "font.size": 11, "svg.fonttype": "none", "svg.hashsalt": "scrl",
            "font.family": "sans-serif"}):
        figure, (top, low) = plt.subplots(
            2, 1, figsize=(9.2, 4.2), sharex=True, height_ratios=[3, 1], layout="constrained")
        top.plot(steps, losses, color="#4c8dd6", alpha=0.35, linewidth=1)
        if len(losses) > 10:
            width = max(5, len(losses) // 40)
            smooth = np.convolve(losses, np.ones(width) / width, "valid")
            top.plot(steps[width - 1:], smooth, color="#2f76c9", linewidth=2.2)
        top.set_ylabel("loss")
        rates = [(line["step"], line["learning_rate"]) for line in metrics
                 if _number(line.get("learning_rate"))]
        if rates:
            low.plot(*np.array(rates, float).T, color="#d9822b", linewidth=1.8)
        low.set_ylabel("learning rate")
        low.set_xlabel("step")
        for axes in (top, low):
            axes.grid(True, color="#808080", alpha=0.25, linewidth=0.6)
            axes.spines[["top", "right"]].set_visible(False)
        room = io.StringIO()
        figure.savefig(room, format="svg", transparent=True, metadata={"Date": None})
        plt.close(figure)
    text = room.getvalue()
    return text[text.index("<svg"):].replace(INK, "currentColor")


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and bool(np.isfinite(value))


# ------------------------------------------------------------------ the page

STYLE = """
:root { color-scheme: light dark; --ink:#1c2128; --soft:#5d6874; --page:#fbfbfa; --card:#fff;
  --line:#e3e5e8; --accent:#2f76c9; }
@media (prefers-color-scheme: dark) { :root { --ink:#e4e7eb; --soft:#9aa5b1; --page:#14171b;
  --card:#1c2026; --line:#30363e; --accent:#6aa9ee; } }
* { box-sizing: border-box; }
body { margin:0; background:var(--page); color:var(--ink);
  font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif; }
main { max-width:1040px; margin:0 auto; padding:48px 24px 72px; }
h1 { font-size:32px; line-height:1.2; letter-spacing:-.02em; margin:0 0 6px; }
h2 { font-size:20px; letter-spacing:-.01em; margin:52px 0 6px; }
p { max-width:70ch; margin:6px 0 16px; } .soft { color:var(--soft); }
.tiles { display:grid; grid-template-columns:repeat(auto-fit,minmax(180px,1fr)); gap:14px;
  margin-top:28px; }
.tile,.card { background:var(--card); border:1px solid var(--line); border-radius:12px; }
.tile { padding:16px 18px; } .card { padding:18px; overflow-x:auto; }
.tile b { display:block; font-size:21px; white-space:nowrap; font-weight:650; letter-spacing:-.02em;
  font-variant-numeric:tabular-nums; white-space:nowrap; }
.tile b i { font-style:normal; font-weight:400; color:var(--soft); }
.tile span { font-size:13px; color:var(--soft); }
table { border-collapse:collapse; width:100%; font-size:14.5px; font-variant-numeric:tabular-nums; }
th { text-align:left; font-weight:600; color:var(--soft); }
th,td { padding:7px 14px 7px 0; border-bottom:1px solid var(--line); vertical-align:top; }
tr:last-child td { border-bottom:0; } td.n,th.n { text-align:right; }
.pairs { display:grid; grid-template-columns:repeat(auto-fit,minmax(430px,1fr)); gap:18px; }
.pair { display:grid; grid-template-columns:1fr 1fr; gap:8px; }
figure { margin:0; } figcaption { font-size:13px; color:var(--soft); margin-top:6px; }
img { display:block; width:100%; height:auto; border-radius:6px; }
.features { display:grid; gap:8px; } .features div { font-size:14px; font-weight:600; }
svg { width:100%; height:auto; display:block; } details { margin-top:12px; }
summary { cursor:pointer; color:var(--accent); } code { font:13.5px ui-monospace,Menlo,monospace; }
footer { margin-top:56px; padding-top:18px; border-top:1px solid var(--line); font-size:14px;
  color:var(--soft); }
@media (max-width:520px) { .pairs { grid-template-columns:1fr; } }
"""


def _escape(value: Any) -> str:
    return html.escape(str(value).encode("utf-8", "backslashreplace").decode())


def _image(pixels: np.ndarray, what: str) -> str:
    return f'<img src="{_data_uri(pixels)}" alt="{_escape(what)}">'


def _tile(value: str, what: str) -> str:
    return f'<div class="tile"><b>{value}</b><span>{_escape(what)}</span></div>'


def _change(first: float, last: float, form: str) -> str:
    return f"{format(first, form)} <i>→</i> {format(last, form)}"


def summary(metrics: List[Dict[str, Any]], batch: int) -> Dict[str, Any]:
    """Numbers of a run: steps, loss_first and loss_last (means of its first and last twentieth),
    images_per_second (median), seconds."""
    losses = [float(line["loss"]) for line in metrics if _number(line.get("loss"))]
    seconds = [float(line["seconds"]) for line in metrics if _number(line.get("seconds"))]
    part = max(1, len(losses) // 20)
    return {
        "steps": int(metrics[-1]["step"]) if metrics else 0,
        "loss_first": float(np.mean(losses[:part])) if losses else None,
        "loss_last": float(np.mean(losses[-part:])) if losses else None,
        "images_per_second": batch / float(np.median(seconds)) if seconds else None,
        "seconds": sum(seconds),
    }


def _tiles(facts: _Facts, numbers: Dict[str, Any]) -> str:
    tiles = []
    if numbers["loss_first"] is not None:
        tiles.append(_tile(_change(numbers["loss_first"], numbers["loss_last"], ".3f"),
                           "loss, first and last 5 % of the steps"))
    if facts.before and facts.after:
        for name in ("knn", "linear"):
            label = {"knn": "k-NN", "linear": "linear"}[name]
            tiles.append(_tile(
                _change(100 * getattr(facts.before, name), 100 * getattr(facts.after, name), ".1f")
                + " %", f"regions named rightly, {label}; chance {100 * facts.after.chance:.1f} %"))
    if numbers["images_per_second"]:
        tiles.append(_tile(f"{numbers['images_per_second']:.1f}", "images/s in training (median)"))
    tiles.append(_tile(f"{numbers['steps']:,}", f"steps of {facts.config['train.batch']} images"))
    return '<div class="tiles">' + "".join(tiles) + "</div>"


def _pairs(facts: _Facts) -> str:
    cards = []
    for index, pair in facts.views:
        def name(number: int, crop: Sequence[int], flip: bool) -> str:
            return (f"view {number}: {crop[3]}×{crop[2]} px at ({crop[1]}, {crop[0]})"
                    + (", mirrored" if flip else ""))

        first, second = name(1, pair.crop1, pair.flip1), name(2, pair.crop2, pair.flip2)
        cards.append(
            '<div class="card pair">'
            f"<figure>{_image(_draw_boxes(_pixels(pair.view1), pair.boxes1), first)}"
            f"<figcaption>image {index}, {first}</figcaption></figure>"
            f"<figure>{_image(_draw_boxes(_pixels(pair.view2), pair.boxes2), second)}"
            f"<figcaption>{second}</figcaption></figure></div>")
    return '<div class="pairs">' + "".join(cards) + "</div>"


def _features(facts: _Facts) -> str:
    titles = {"image": "image", "before": "fresh weights", "after": "after training"}
    pictures = len(facts.features["image"])
    rows = []
    for column, images in facts.features.items():
        rows.append(f"<div>{titles[column]}</div>")
        rows += [_image(pixels, f"{titles[column]} {number}")
                 for number, pixels in enumerate(images)]
    return (f'<div class="card"><div class="features" style="grid-template-columns:96px '
            f'repeat({pictures},minmax(90px,1fr));align-items:center">' + "".join(rows)
            + "</div></div>")


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]], numeric: bool = False) -> str:
    def cells(kind: str, row: Sequence[Any]) -> str:
        return "".join(
            f'<{kind}{" class=n" if numeric and place else ""}>{_escape(cell)}</{kind}>'
            for place, cell in enumerate(row))

    return ("<table><thead><tr>" + cells("th", head) + "</tr></thead><tbody>"
            + "".join(f"<tr>{cells('td', row)}</tr>" for row in rows) + "</tbody></table>")


def _numbers(facts: _Facts, numbers: Dict[str, Any]) -> str:
    parts = []
    if facts.before and facts.after:
        after = facts.after
        parts.append(
            '<div class="card">' + _table(
                ["naming the class of ground-truth boxes", "fresh weights", "after training",
                 "chance"],
                [[label, *(f"{100 * getattr(score, name):.1f} %"
                           for score in (facts.before, facts.after)), f"{100 * after.chance:.1f} %"]
                 for name, label in (("knn", "weighted k-NN, cosine, k = 20"),
                                     ("linear", "linear (ridge)"))], numeric=True)
            + f'<p class="soft">Frozen backbone, one RoIAligned vector a box; {after.train_boxes:,} '
              f"boxes to learn from, {after.test_boxes:,} others, of other images, to test; "
              f"{after.classes} classes. Pretraining saw the images, never the labels. Chance is "
              "the share of the most frequent class. One seed: differences of a few per cent may "
              "be noise. Fresh weights use BatchNorm's starting statistics.</p></div>")
    else:
        parts.append('<p class="soft">The dataset has too few labelled boxes (or the features are '
                     "not finite), so regions were not judged.</p>")
    loss = ("–" if numbers["loss_first"] is None
            else f"{numbers['loss_first']:.4f} → {numbers['loss_last']:.4f}")
    rate = numbers["images_per_second"]
    rows = [
        ["method", facts.config["method"]], ["backbone", facts.config["model.arch"]],
        ["images in the dataset", f"{facts.images:,}"],
        ["steps × batch", f"{numbers['steps']:,} × {facts.config['train.batch']}"],
        ["epochs seen", f"{numbers['steps'] * int(facts.config['train.batch']) / facts.images:.1f}"],
        ["loss, first → last 5 %", loss],
        ["images per second, median", "–" if rate is None else f"{rate:.1f}"],
        ["time in steps", f"{numbers['seconds'] / 60:.1f} min"],
        ["seed", facts.config["seed"]],
    ]
    options = [[key, ":".join(map(str, value)) if isinstance(value, tuple) else value]
               for key, value in facts.config.items()]
    parts.append('<div class="card" style="margin-top:18px">' + _table(["run", ""], rows)
                 + "<details><summary>all options</summary>" + _table(["key", "value"], options)
                 + "</details></div>")
    return "".join(parts)


def _page(facts: _Facts, numbers: Dict[str, Any]) -> str:
    title = f"{facts.config['method']} · {facts.config['model.arch']}"
    curve = (f'<div class="card">{_curve(facts.metrics)}</div>' if facts.metrics
             else '<p class="soft">The run folder has no metrics.jsonl.</p>')
    cells = f"{facts.cells[1]}×{facts.cells[0]}"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_escape(title)}: run report</title><style>{STYLE}</style></head><body><main>
<h1>{_escape(title.upper() if len(title) < 30 else title)}</h1>
<p class="soft">Report of the run in <code>{_escape(facts.run)}</code>: {facts.images:,} images,
views of {facts.config['views.size']}², {facts.config['boxes.per_image']} boxes each.</p>
{_tiles(facts, numbers)}
<h2>Learning curve</h2>
<p class="soft">Mean squared distance of normalised predictions and targets over box pairs, 0 to 8;
the bold line is a moving mean.</p>
{curve}
<h2>What is matched</h2>
<p class="soft">Two augmented views of one image, as training sees them. Boxes of one colour are the
same region; their features are pulled together.</p>
{_pairs(facts)}
<h2>What the features see</h2>
<p class="soft">The feature map of {facts.config['roi.stage']} ({cells} cells, images enlarged to
{FEATURE_SIDE}²): its three main directions as red, green and blue, one set of directions for each
row. Like colours are like features.</p>
{_features(facts)}
<h2>Numbers</h2>
{_numbers(facts, numbers)}
<footer>Written by scrl {__version__} from the run's own files. No figure on this page is claimed that
was not run: all of them were computed from this checkpoint, this dataset and this
<code>metrics.jsonl</code>.</footer>
</main></body></html>
"""


def _sample_views(dataset: Dataset, config: Config, wanted: int) -> List[Tuple[int, ViewPair]]:
    """Views of the first images that give boxes."""
    found = []
    for index in range(min(len(dataset), 6 * wanted)):
        try:
            pair = make_views(dataset, config, 0, index)
        except DataError:
            continue
        if len(pair.boxes1) or config["method"] == "byol":
            found.append((index, pair))
        if len(found) == wanted:
            break
    return found


def write(run: PathLike, out: PathLike, dataset: Any = None, images: int = 5) -> Dict[str, Any]:
    """Writes the page about a run folder to `out`; returns its main numbers.

    dataset  a Dataset or a path; None: the one that the checkpoint names (h5py reads it).
    images   how many pictures are shown.
    Raises StorageError, FormatError, DataError; needs matplotlib.
    """
    folder = os.fsdecode(run)
    if not os.path.isdir(folder):
        raise StorageError(f"report: {folder} is not a run folder")
    metrics = read_metrics(folder)
    data = _open_dataset(folder, dataset)
    with Model.load(folder) as trained:
        config = trained.config
        chosen = list(range(min(images + 1, len(data))))
        columns, cells = _feature_pictures(config, trained, data, chosen)
        before = after = None
        if probe.has_regions(data):
            after = probe.regions(trained, data)
            with Model(config) as fresh:
                before = probe.regions(fresh, data)
        facts = _Facts(
            folder, config, metrics, len(data), _sample_views(data, config, images + images % 2),
            columns, cells, before, after)
        numbers = summary(metrics, int(config["train.batch"]))
        page = _page(facts, numbers)
    if data is not dataset:
        data.close()
    target = Path(os.fsdecode(out))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page, "utf-8")
    return {
        **numbers, "images": facts.images,
        "before": None if before is None else before._asdict(),
        "after": None if after is None else after._asdict(),
    }
