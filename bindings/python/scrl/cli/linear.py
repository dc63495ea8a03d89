"""`scrl eval linear`."""

from typing import Optional

import typer

from .judges import class_rows
from .output import Failure, collect_notes, emit, table


def linear(
    checkpoint: str = typer.Option(..., "--checkpoint", help="Checkpoint file or run folder."),
    train: str = typer.Option(..., "--train", help="Labelled dataset (`scrl pack --labels folders`)."),
    test: Optional[str] = typer.Option(
        None, "--test", help="Another one, its classes matched by name; without it a fifth of --train is "
        "held out."),
    crops: int = typer.Option(
        0, "--crops", help="0: fresh random crops in every epoch, as published. N: N crops of every "
        "image, embedded once. -1: the centre crop, embedded once.", min=-1, max=1000),
    epochs: int = typer.Option(80, "--epochs", help="Passes over the train images.", min=1),
    warmup: Optional[int] = typer.Option(
        None, "--warmup", help="Epochs of linear warm-up; 5.", min=0),
    batch: Optional[int] = typer.Option(
        None, "--batch", help="Images a step; 256, less for fewer than 4096 images.", min=1),
    base_lr: Optional[float] = typer.Option(
        None, "--base-lr", help="Learning rate at batch 256; 0.2, for a BYOL model 0.05."),
    raw: bool = typer.Option(
        False, "--raw", help="Features as they are, not centred and scaled."),
    quirks: Optional[str] = typer.Option(
        None, "--quirks", help="corrected, or official: SGD inside LARS. The checkpoint's."),
    size: Optional[int] = typer.Option(
        None, "--size", help="Side of a view in pixels; the checkpoint's views.size.", min=1),
    seed: int = typer.Option(0, "--seed", help="Same seed, same result.", min=0),
    json_lines: bool = typer.Option(False, "--json", help="The last line is one JSON object."),
) -> None:
    """Accuracy of one linear layer that learns the labels on the frozen backbone's features.

    This is how backbones are compared: SGD for 80 epochs on random crops, tested on centre crops.
    The cost is the images that go through the backbone: 81 times the train images as published,
    N times with `--crops N`, once with `--crops -1`. With ResNet-18 at 128 pixels on two cores 2,000
    images take half an hour, 20 seconds times N, or 20 seconds. A quick look does with
    `--crops -1`; for figures to compare use the same `--crops` for all backbones.

    Examples:

    `scrl eval linear --checkpoint run/ --train things.h5 --crops -1`

    `scrl eval linear --checkpoint run/ --train train.h5 --test test.h5 --crops 4`

    `scrl eval linear --checkpoint run/ --train train.h5 --test test.h5 --json`
    """
    from ..evaluate import linear as evaluate

    if quirks not in (None, "corrected", "official"):
        raise Failure(f"--quirks is {quirks!r}, expected corrected or official", 2)
    collect_notes()
    report = evaluate(
        checkpoint, train, test, crops=crops, epochs=epochs, warmup_epochs=warmup, batch=batch,
        base_lr=base_lr, standardise=not raw, quirks=quirks, size=size, seed=seed,
        progress=not json_lines)
    if json_lines:
        emit(**report._asdict())
        return
    rows = [
        ["test accuracy", f"{100 * report.accuracy:.2f} %"],
        ["test accuracy, among five", f"{100 * report.top5:.2f} %"],
        ["best test accuracy", f"{100 * report.best_accuracy:.2f} % in epoch {report.best_epoch}"],
        ["train accuracy", f"{100 * report.train_accuracy:.2f} %"],
        ["classes", str(report.classes)],
        ["train images, test images", f"{report.train_images}, {report.test_images}"],
        ["batch, base rate", f"{report.batch}, {report.base_lr:g}"],
        ["seconds", f"{report.seconds:.1f}"],
    ]
    if report.left_out:
        rows.append(["left out: no label or unreadable", str(report.left_out)])
    if report.unseen:
        rows.append(["of a class that train lacks, counted as wrong", str(report.unseen)])
    rows += class_rows(report)
    table("", ["linear evaluation", "value"], rows)
