"""`scrl info`, `scrl report`, `scrl config`."""

import json
import os
from typing import Any, Dict, List, Optional

import typer

from .output import Failure, collect_notes, emit, say, table


def _metrics(folder: str) -> Dict[str, Any]:
    """The last line of a run's metrics.jsonl that is JSON; {} without one."""
    from ..report import read_metrics

    lines = read_metrics(folder)
    return lines[-1] if lines else {}


def _describe_dataset(path: str) -> Dict[str, Any]:
    from .. import Dataset

    with Dataset(path) as dataset:
        count, labels = len(dataset), dataset.labels
        sizes = [dataset.size(i) for i in range(0, count, max(1, count // 1000))]
        boxes = [len(dataset.boxes(i)) for i in range(0, count, max(1, count // 1000))]
        return {
            "kind": "dataset", "path": path, "bytes": os.path.getsize(path), "images": count,
            "height": [min(h for h, _ in sizes), max(h for h, _ in sizes)],
            "width": [min(w for _, w in sizes), max(w for _, w in sizes)],
            "labelled": 0 if labels is None else int((labels >= 0).sum()),
            "boxes_per_image": sum(boxes) / len(boxes), "classes": dataset.classes,
        }


def _describe_detector(path: str) -> Dict[str, Any]:
    from .. import Detector

    with Detector.load(path) as detector:
        state = detector.state_dict()
        facts: Dict[str, Any] = {
            "kind": "detector's run" if os.path.isdir(path) else "detector", "path": path,
            "tensors": len(state), "values": sum(array.size for array in state.values()),
            "classes": detector.classes, "config": {
                key: value for key, value in detector.config.items()
                if key.startswith(("detect.", "model.", "compute.")) or key == "seed"},
        }
    if os.path.isdir(path):
        facts["last"] = _metrics(path)
    return facts


def _describe_checkpoint(path: str) -> Dict[str, Any]:
    from ..errors import FormatError

    try:
        return _describe_model(path)
    except FormatError as first:
        try:
            return _describe_detector(path)
        except FormatError:
            raise first from None


def _describe_model(path: str) -> Dict[str, Any]:
    from .. import Model

    with Model.load(path) as model:
        state = model.state_dict()
        facts: Dict[str, Any] = {
            "kind": "run" if os.path.isdir(path) else "checkpoint", "path": path,
            "backbone_tensors": len(state),
            "backbone_values": sum(array.size for array in state.values()),
            "embedding": model.embedding_size, "config": dict(model.config.items()),
        }
    if os.path.isdir(path):
        facts["last"] = _metrics(path)
    return facts


def info(
    file: str = typer.Argument(..., help="Dataset, checkpoint or run folder."),
    json_lines: bool = typer.Option(False, "--json", help="Machine-readable output."),
) -> None:
    """Says what a file is and what is in it: a dataset, a backbone, a detector.

    Examples:

    `scrl info d.h5`

    `scrl info run/`
    """
    from .._abi import described

    collect_notes()
    kind = "is a folder" if os.path.isdir(file) else described(file)
    if kind == "is a libscrl dataset":
        facts = _describe_dataset(file)
    elif kind in ("is a folder", "is a libscrl checkpoint", "is a PyTorch file"):
        facts = _describe_checkpoint(file)
    elif kind == "is an HDF5 file":  # damaged: the error says how
        facts = _describe_dataset(file)
    else:
        raise Failure(f"{file} {kind} · expected a dataset, a checkpoint or a run folder of libscrl")
    if json_lines:
        emit(**facts)
        return
    rows: List[List[str]] = []
    for key, value in facts.items():
        if isinstance(value, dict):
            rows += [[str(part), str(each)] for part, each in value.items()]
        else:
            rows.append([key, ", ".join(map(str, value)) if isinstance(value, list) else str(value)])
    table("", ["what", "value"], rows)


def report(
    run: str = typer.Argument(..., help="Run folder."),
    out: Optional[str] = typer.Option(None, "--out", help="HTML file; run/report.html."),
    data: Optional[str] = typer.Option(
        None, "--data", help="The dataset, if the checkpoint does not lead to it."),
    images: int = typer.Option(5, "--images", help="Pictures shown.", min=1, max=20),
    json_lines: bool = typer.Option(False, "--json", help="Machine-readable output."),
) -> None:
    """Writes one HTML page about a run: curves, matched boxes, features before and after, numbers.

    Of a detector's run: its losses, detections beside the truth, precision over recall. `--data` with
    other pictures than it learnt from says how well it finds.

    Example:

    `scrl report run/ --out report.html`
    """
    from ..report import write

    collect_notes()
    target = out or os.path.join(run, "report.html")
    facts = write(run, target, dataset=data, images=images, progress=not json_lines)
    if json_lines:
        emit(out=target, **facts)
    else:
        say(f"report: {target}")


def config(
    key: Optional[str] = typer.Argument(None, help="Only keys that contain this."),
    preset: Optional[str] = typer.Option(None, "--preset", help="Values of this preset."),
    json_lines: bool = typer.Option(False, "--json", help="One JSON object a key."),
) -> None:
    """Lists every option: range, value in the preset, whether `scrl resume --set` may change it, meaning.

    Without `--preset`, values are those that `scrl pretrain` starts from; of keys that begin with
    detect those of detect-small, from which `scrl detect train` starts.

    Examples:

    `scrl config`

    `scrl config optimizer --preset scrl-200ep`
    """
    from .. import Config, presets

    from ..detector import PRESET

    if preset is None and key is not None and key.startswith("detect"):
        preset = PRESET
    with Config(preset) as values:
        found = [(each, values[each.name]) for each in values.describe().values()
                 if key is None or key in each.name]
    if not found:
        raise Failure(f"no key contains {key!r}; `scrl config` lists all")
    if json_lines:
        for each, value in found:
            emit(key=each.name, type=each.type, range=each.range, default=each.default,
                 value=value, meaning=each.meaning, fixed=each.fixed)
        return

    def text(value: Any) -> str:
        if isinstance(value, tuple):
            return ":".join(f"{part:g}" for part in value)
        return json.dumps(value) if isinstance(value, bool) else str(value)

    table(f"preset {preset or 'default'}", ["key", "value", "range", "resume", "meaning"],
          [[each.name, text(value), each.range, "fixed" if each.fixed else "free", each.meaning]
           for each, value in found])
    say("presets: " + ", ".join(presets()))
