"""Report: one self-contained HTML page about a run.

Of pretraining: curves, matched boxes drawn on the views, where places find themselves in another
view, feature maps before and after as colours, and numbers. A detector's page is made in
detection_report.py. Every figure is computed here from the run; none is quoted.
"""

import json
import os
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from . import evaluate, matches as matching, outputs, views as make_views
from ._abi import PathLike
from .config import Config
from .dataset import Dataset
from .errors import DataError, DivergedError, StorageError
from .model import Model
from .page import Facts, Judged, Matched, render
from .pictures import feature_pictures, is_number
from .views import ViewPair


def read_metrics(run: PathLike) -> List[Dict[str, Any]]:
    """The steps of a run's metrics.jsonl; lines that are none, of others or torn, are passed over."""
    path = Path(os.fsdecode(run)) / "metrics.jsonl"
    lines = []
    if path.is_file():
        for text in path.read_text("utf-8-sig", "replace").splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict) and "step" in line and "epoch" in line:
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


def summary(metrics: List[Dict[str, Any]], batch: int) -> Dict[str, Any]:
    """Numbers of a run: steps, loss_first and loss_last (means of its first and last twentieth),
    accuracy_last (of probe or classifier; None without), images_per_second (median), seconds."""
    losses = [float(line["loss"]) for line in metrics if is_number(line.get("loss"))]
    seconds = [float(line["seconds"]) for line in metrics if is_number(line.get("seconds"))]
    accuracies = [float(line["accuracy"]) for line in metrics if is_number(line.get("accuracy"))]
    part = max(1, len(losses) // 20)
    return {
        "steps": int(metrics[-1]["step"]) if metrics else 0,
        "loss_first": float(np.mean(losses[:part])) if losses else None,
        "loss_last": float(np.mean(losses[-part:])) if losses else None,
        "accuracy_last": float(np.mean(accuracies[-part:])) if accuracies else None,
        "images_per_second": batch / float(np.median(seconds)) if seconds else None,
        "seconds": sum(seconds),
    }


def write_page(path: str, page: str) -> None:
    """Bytes of names that are not UTF-8 are spelt out."""
    with outputs.whole_file(path, "page") as part:
        Path(part).write_text(page, "utf-8", "backslashreplace")


def _plain(found: Judged) -> Dict[str, Any]:
    """As dicts; None for what was not judged."""
    return {name: None if part is None else part._asdict()
            for name, part in found._asdict().items()}


def _sample_views(dataset: Dataset, config: Config, wanted: int) -> List[Tuple[int, ViewPair]]:
    """Views of the first images that give boxes."""
    found = []
    for index in range(min(len(dataset), 6 * wanted)):
        try:
            pair = make_views(dataset, config, 0, index)
        except DataError:
            continue
        if len(pair.boxes1) or config["method"] != "scrl":
            found.append((index, pair))
        if len(found) == wanted:
            break
    return found


def _matches(config: Config, trained: Model, fresh: Model, data: Dataset, wanted: int
             ) -> List[Matched]:
    """Where places find themselves in another crop; colours are left as they are."""
    plain = config.copy()
    plain["views.augmentation"] = "simple"
    chosen = _sample_views(data, plain, wanted)
    pairs, stage = [pair for _, pair in chosen], str(config["roi.stage"])
    try:
        after, before = (matching.of_pairs(model, pairs, stage) for model in (trained, fresh))
    except DivergedError:  # a run gone wrong
        return []
    return [Matched(*each) for each in zip((index for index, _ in chosen), pairs, before, after)]


def judged(model: Model, data: Dataset, images: int = 600, progress: bool = True) -> Judged:
    """The quick judges on at most `images` images; where there are labelled boxes a fifth tests."""
    def asked(judge: Callable[..., Any], **options: Any) -> Any:
        try:
            return judge(model, data, progress=progress, **options)
        except (DataError, DivergedError):  # nothing to judge by, or a run gone wrong
            return None

    few = min(images, 200)
    return Judged(
        asked(evaluate.regions, train_images=max(4, images * 4 // 5),
              test_images=max(1, images // 5)),
        asked(evaluate.correspondence, images=few),
        asked(evaluate.health, rows="views", images=few))


def write(run: PathLike, out: PathLike, dataset: Any = None, images: int = 5,
          progress: bool = True) -> Dict[str, Any]:
    """Writes the page about a run folder to `out`; returns its main numbers.

    dataset  a Dataset or a path; None: the one that the checkpoint names (h5py reads it).
    images   how many pictures are shown.
    progress what is done, rate and time left, on stderr.
    Raises StorageError, FormatError, DataError; needs matplotlib.
    """
    folder = os.fsdecode(run)
    if not os.path.isdir(folder):
        raise StorageError(f"report: {folder} is not a run folder")
    target = os.fsdecode(out)
    os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
    outputs.check(target, "page")
    metrics = read_metrics(folder)
    if any("rpn_objectness" in line for line in metrics):  # a detector's run
        from . import detection_report

        return detection_report.write(folder, out, metrics, _open_dataset, dataset, images,
                                      progress)
    data = _open_dataset(folder, dataset)
    with Model.load(folder) as trained:
        config = trained.config
        chosen = list(range(min(images + 1, len(data))))
        columns, cells = feature_pictures(config, trained, data, chosen)
        after = judged(trained, data, progress=progress)
        with Model(config) as fresh:
            before = judged(fresh, data, progress=progress)
            matches = _matches(config, trained, fresh, data, min(images, 3))
        facts = Facts(
            folder, config, metrics, len(data), _sample_views(data, config, images + images % 2),
            matches, columns, cells, before, after)
        numbers = summary(metrics, int(config["train.batch"]))
        page = render(facts, numbers)
    if data is not dataset:
        data.close()
    write_page(target, page)
    return {
        **numbers, "images": facts.images,
        "before": _plain(before), "after": _plain(after),
    }
