"""`scrl pretrain`, `scrl resume`, `scrl features`."""

import os
import time
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Tuple

import numpy as np
import typer

from .fitting import fit
from .output import Failure, collect_notes, emit, say


def settings(pairs: Optional[List[str]]) -> Dict[str, str]:
    """key=value texts as a mapping."""
    values = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise Failure(f"--set {pair!r}: expected KEY=VALUE, such as model.arch=resnet18", 2)
        values[key.strip()] = value.strip()
    return values


def _fit(trainer: Any, out: str, steps: Optional[int], json_lines: bool) -> None:
    """Runs a trainer to its end, tells how it went and how to go on."""
    batch = int(trainer.config["train.batch"])
    checkpoint = os.path.join(out, "checkpoint.h5")
    try:
        done = fit(trainer, batch, f"scrl resume {out}", json_lines, steps)
    finally:
        if os.path.isdir(out) and not os.path.exists(checkpoint):  # a checkpoint file was resumed
            trainer.save(checkpoint)
    if json_lines:
        emit(event="end", step=done.step, total_steps=done.total_steps, seconds=done.seconds,
             loss=done.last and done.last.loss, out=out,
             images_per_second=done.images_per_second,
             steps_skipped=0 if done.last is None else done.last.steps_skipped)
    elif done.last is None:
        say(f"nothing to do: step {done.step} of {done.total_steps}")
    else:
        of = f" of {done.total_steps}" if done.total_steps else ""
        say(f"step {done.step}{of}, loss {done.last.loss:.4f}, "
            f"{done.images_per_second:.1f} images/s; {checkpoint}")
        if done.last.steps_skipped:
            say(f"{done.last.steps_skipped} steps learnt nothing: no image of their batch gave a "
                "box or had a label")


def pretrain(
    data: str = typer.Option(..., "--data", help="Dataset file of `scrl pack`."),
    out: str = typer.Option(..., "--out", help="Run folder; made when missing."),
    preset: Optional[str] = typer.Option(
        None, "--preset", help="Where options start (`scrl config` lists presets)."),
    set_: Optional[List[str]] = typer.Option(
        None, "--set", help="KEY=VALUE, as often as wanted (`scrl config` lists keys)."),
    steps: Optional[int] = typer.Option(
        None, "--steps", help="Steps of the whole schedule (sets train.steps).", min=1),
    json_lines: bool = typer.Option(False, "--json", help="One JSON object a step, and one at the end."),
) -> None:
    """Pretrains a backbone. Ctrl-C, SIGTERM and SIGHUP save; `scrl resume` goes on exactly.

    Presets scrl-* and byol-* need no labels; supervised-* learn those of `scrl pack --labels folders`.

    The run folder ends with checkpoint.h5 and metrics.jsonl. checkpoint.h5 is there within a minute and
    written anew every checkpoint.minutes, so that a kill costs no more than that; a run that was killed
    before its first is begun again by the same command. A folder serves one run at a time.

    Examples:

    `scrl pretrain --data d.h5 --out run/`

    `scrl pretrain --data d.h5 --out run/ --preset scrl-small --set model.arch=resnet18 --steps 100`
    """
    from .. import Config, Dataset, Trainer

    values: Dict[str, Any] = dict(settings(set_))
    if steps is not None:
        values["train.steps"] = steps
    collect_notes()
    with Config.from_dict(values, preset) as config, Dataset(data) as dataset:
        with Trainer(config, dataset, out) as trainer:
            _fit(trainer, out, None, json_lines)


def place(run: str) -> Tuple[str, str]:
    """What to resume, and the folder that it is saved in."""
    if os.path.isdir(run):
        return run, run
    out = os.path.dirname(run) or "."
    newest = os.path.join(out, "checkpoint.h5")
    if os.path.basename(run) == "checkpoint.h5" or not os.path.exists(run):
        return (out if os.path.exists(run) else run), out
    if os.path.exists(newest):
        raise Failure(f"{run} is one of the checkpoints of {out}: expected the folder, which goes on from "
                      "its newest; to go on from an older one, copy it into a folder of its own as "
                      "checkpoint.h5 and resume that", 2)
    return run, out


def resume(
    run: str = typer.Argument(
        ..., help="Run folder; or a checkpoint file, beside which checkpoint.h5 is saved."),
    data: Optional[str] = typer.Option(
        None, "--data", help="The dataset, if it has moved since."),
    set_: Optional[List[str]] = typer.Option(
        None, "--set", help="KEY=VALUE to go on with, as often as wanted: keys that `scrl config` marks "
        "as free to change, such as train.epochs, optimizer.base_lr, threads, checkpoint.minutes."),
    steps: Optional[int] = typer.Option(None, "--steps", help="At most so many steps more.", min=1),
    json_lines: bool = typer.Option(False, "--json", help="One JSON object a step, and one at the end."),
) -> None:
    """Goes on where a run stopped, exactly: every later byte is as if it had not.

    With `--set` it goes on otherwise: schedules are made anew over the whole new length.

    Examples:

    `scrl resume run/`

    `scrl resume run/ --set train.epochs=400 --set threads=8`

    `scrl resume run/ --steps 500`
    """
    from .. import Dataset, Trainer

    changes = settings(set_)
    collect_notes()
    dataset = Dataset(data) if data else None
    run, out = place(run)
    with Trainer.resume(run, dataset, **changes) as trainer:
        _fit(trainer, out, steps, json_lines)


def features(
    checkpoint: str = typer.Option(..., "--checkpoint", help="Checkpoint file or run folder."),
    data: str = typer.Option(..., "--data", help="Dataset file of `scrl pack`."),
    out: str = typer.Option(..., "--out", help="feats.npy or feats.h5."),
    stage: Optional[str] = typer.Option(
        None, "--stage", help="layer1 … layer4: whole feature maps (n,C,h,w) instead of vectors (n,F)."),
    size: Optional[int] = typer.Option(
        None, "--size", help="Side of the prepared image in pixels; the config's views.size.", min=1),
    batch: int = typer.Option(32, "--batch", help="Images at a time.", min=1),
    json_lines: bool = typer.Option(False, "--json", help="Machine-readable output."),
) -> None:
    """Writes one vector per image (or feature maps), in the dataset's order.

    Images are scaled to size + 32, cropped at the centre, and normalised.

    Examples:

    `scrl features --checkpoint run/ --data d.h5 --out feats.npy`

    `scrl features --checkpoint run/ --data d.h5 --out maps.h5 --stage layer3`
    """
    from .. import Dataset, Model, outputs, prepare, progress as bars

    if not out.endswith((".npy", ".h5")):
        raise Failure(f"--out is {out!r}, expected a name that ends in .npy or .h5", 2)
    if stage not in (None, "layer1", "layer2", "layer3", "layer4"):
        raise Failure(f"--stage is {stage!r}, expected layer1, layer2, layer3 or layer4", 2)
    kind = "array" if out.endswith(".npy") else "features"
    outputs.check(out, kind, data, checkpoint)
    collect_notes()
    start = time.perf_counter()
    with Model.load(checkpoint) as model, Dataset(data) as dataset:
        side = size or int(model.config["views.size"])

        def rows(first: int, last: int) -> Any:
            images = np.stack([prepare(dataset[i], side) for i in range(first, last)])
            return model.embed(images) if stage is None else model.features(images, stage)

        count = len(dataset)
        shape = (count, *rows(0, 1).shape[1:])
        with outputs.whole_file(out, kind, data, checkpoint) as part, \
                _store(part, out, shape, dataset) as store:
            with bars.counter("features", "images", not json_lines) as show:
                for first in range(0, count, batch):
                    last = min(first + batch, count)
                    store[first:last] = rows(first, last)
                    show(last, count)
    seconds = time.perf_counter() - start
    if json_lines:
        emit(images=count, shape=list(shape), out=out, seconds=seconds,
             images_per_second=count / seconds)
    else:
        say(f"{shape} float32 in {out}, {count / seconds:.1f} images/s")


@contextmanager
def _store(part: str, out: str, shape: Tuple[int, ...], dataset: Any) -> Iterator[Any]:
    """An array of float32 to fill, kept in a file of the form that `out` names."""
    if out.endswith(".npy"):
        store = np.lib.format.open_memmap(part, mode="w+", dtype=np.float32, shape=shape)
        yield store
        store.flush()
        return
    try:
        import h5py
    except ImportError:
        raise Failure("writing .h5 needs h5py: pip install h5py, or use .npy") from None
    from ..outputs import FEATURES

    with h5py.File(part, "w") as file:
        file.attrs["format"] = np.bytes_(FEATURES)
        if dataset.labels is not None:
            file["labels"] = dataset.labels
        yield file.create_dataset("features", shape, np.float32)
