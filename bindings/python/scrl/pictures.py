"""What the report shows as pictures: views with boxes, feature maps as colours, the curve."""

import base64
import io
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Sequence, Tuple

import numpy as np

from .config import Config
from .dataset import Dataset
from .errors import Error
from .model import Model

MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # ImageNet's
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
COLOURS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#42d4f4", "#f032e6", "#bfef45",
           "#fabed4", "#469990", "#ffe119", "#9a6324", "#dcbeff", "#aaffc3", "#800000", "#ffd8b1")
FEATURE_SIDE = 320  # pixels: images are enlarged so that their feature maps have cells to look at
INK = "#123456"     # stands for currentColor in a figure
PICTURE_SIDE = 256


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and bool(np.isfinite(value))


def normalise(pixels: np.ndarray) -> np.ndarray:
    """(H,W,3) uint8 as (3,H,W) float32, normalised by ImageNet's mean and deviation."""
    return ((pixels.astype(np.float32) / 255 - MEAN) / DEVIATION).transpose(2, 0, 1)


def pixels_of_view(view: np.ndarray) -> np.ndarray:
    """(3,S,S) normalised as (S,S,3) uint8."""
    image = view.transpose(1, 2, 0) * DEVIATION + MEAN
    return np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)


def draw_boxes(pixels: np.ndarray, boxes: np.ndarray) -> np.ndarray:
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


def feature_pictures(config: Config, trained: Model, dataset: Dataset, chosen: Sequence[int]
                      ) -> Tuple[Dict[str, List[np.ndarray]], Tuple[int, int]]:
    stage = str(config["roi.stage"])
    pixels = [_resized(dataset[index], FEATURE_SIDE) for index in chosen]
    batch = np.stack([normalise(each) for each in pixels])
    with Model(config) as fresh:
        before = fresh.features(batch, stage)
    after = trained.features(batch, stage)
    columns = {"image": [_resized(each, PICTURE_SIDE) for each in pixels]}
    for name, maps in (("before", before), ("after", after)):
        if np.isfinite(maps).all() and maps.shape[1] >= 3:
            columns[name] = pca_pictures(maps)
    return columns, (after.shape[2], after.shape[3])


def data_uri(pixels: np.ndarray) -> str:
    from PIL import Image

    room = io.BytesIO()
    Image.fromarray(pixels).save(room, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(room.getvalue()).decode("ascii")


@contextmanager
def inline_svg(*arguments: Any, **options: Any) -> Iterator[Tuple[Any, Any, List[str]]]:
    """Yields figure, axes and a list that holds the SVG afterwards, in the page's ink.

    The arguments are those of pyplot.subplots(); needs matplotlib.
    """
    try:
        import matplotlib
    except ImportError:
        raise Error("report: needs matplotlib: pip install matplotlib h5py") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    drawn: List[str] = []
    with plt.rc_context({
            "text.color": INK, "axes.edgecolor": INK, "axes.labelcolor": INK, "xtick.color": INK,
            "ytick.color": INK, "font.size": 11, "svg.fonttype": "none", "svg.hashsalt": "scrl",
            "font.family": "sans-serif"}):
        figure, grid = plt.subplots(*arguments, layout="constrained", **options)
        yield figure, grid, drawn
        for axes in figure.axes:
            axes.grid(True, color="#808080", alpha=0.25, linewidth=0.6)
            axes.spines[["top", "right"]].set_visible(False)
        room = io.StringIO()
        figure.savefig(room, format="svg", transparent=True, metadata={"Date": None})
        plt.close(figure)
    text = room.getvalue()
    drawn.append(text[text.index("<svg"):].replace(INK, "currentColor"))


def smoothed(values: np.ndarray) -> Tuple[int, np.ndarray]:
    """The moving mean of a curve, and how many points it begins later."""
    width = max(5, len(values) // 40)
    if len(values) <= max(10, width):
        return 0, values
    return width - 1, np.convolve(values, np.ones(width) / width, "valid")


def curve(metrics: List[Dict[str, Any]]) -> str:
    """Loss and learning rate by step as inline SVG; needs matplotlib."""
    points = [(line["step"], line["loss"]) for line in metrics if is_number(line.get("loss"))]
    steps, losses = np.array(points, float).reshape(-1, 2).T
    with inline_svg(2, 1, figsize=(9.2, 4.2), sharex=True, height_ratios=[3, 1]) as (
            _, (top, low), drawn):
        top.plot(steps, losses, color="#4c8dd6", alpha=0.35, linewidth=1)
        later, smooth = smoothed(losses)
        if later:
            top.plot(steps[later:], smooth, color="#2f76c9", linewidth=2.2)
        top.set_ylabel("loss")
        rates = [(line["step"], line["learning_rate"]) for line in metrics
                 if is_number(line.get("learning_rate"))]
        if rates:
            low.plot(*np.array(rates, float).T, color="#d9822b", linewidth=1.8)
        low.set_ylabel("learning rate")
        low.set_xlabel("step")
    return drawn[0]
