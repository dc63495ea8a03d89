"""`scrl eval knn`, `regions`, `retrieval`, `correspondence` and `health`."""

import math
from typing import Any, List, Optional

import typer

from .output import collect_notes, emit, table

CHECKPOINT = typer.Option(..., "--checkpoint", help="Checkpoint file or run folder.")
DATA = typer.Option(..., "--data", help="Dataset file of `scrl pack`; no labels needed.")
STAGE = typer.Option(None, "--stage", help="layer1 … layer4; the one that training shapes.")
SEED = typer.Option(0, "--seed", help="Same seed, same result.", min=0)
JSON = typer.Option(False, "--json", help="The last line is one JSON object.")
SHORTER = typer.Option(
    None, "--size", help="Pixels of a picture's shorter side; as it is stored.", min=1)
LONGEST = typer.Option(1333, "--longest", help="Pixels of its longer side at most.", min=1)
PAIR_SIZE = typer.Option(
    None, "--size", help="Side of a view in pixels; the checkpoint's views.size.", min=16)
PAIR_IMAGES = typer.Option(500, "--images", help="At most so many, drawn by the seed.", min=1)


def _share(value: float) -> str:
    return f"{100 * value:.2f} %"


def _tell(title: str, report: Any, rows: List[List[str]], json_lines: bool) -> None:
    if json_lines:
        emit(**report._asdict())
        return
    rows.append(["seconds", f"{report.seconds:.1f}"])
    table("", [title, "value"], rows)


def class_rows(report: Any) -> List[List[str]]:
    """What is told of the classes of two datasets: those that one of them lacks."""
    rows = []
    if report.unknown_classes:
        rows.append(["classes that --train lacks", ", ".join(report.unknown_classes)])
    if report.absent_classes:
        rows.append(["classes that --test lacks", ", ".join(report.absent_classes)])
    if report.matched_by in ("ids", "numbers"):
        rows.append(["classes compared by", {"ids": "COCO category id: no names",
                                             "numbers": "number: no names"}[report.matched_by]])
    return rows


def knn(
    checkpoint: str = CHECKPOINT,
    train: str = typer.Option(..., "--train", help="Labelled dataset (`scrl pack --labels folders`)."),
    test: Optional[str] = typer.Option(
        None, "--test", help="Another one, its classes matched by name; without it a fifth of --train is "
        "held out."),
    neighbours: int = typer.Option(
        200, "--neighbours", "-k", help="How many vote; of fewer train images all.", min=1),
    temperature: float = typer.Option(0.07, "--temperature", help="Votes weigh exp(cosine / this)."),
    size: Optional[int] = typer.Option(
        None, "--size", help="Side of the centre crop in pixels; the checkpoint's views.size.", min=1),
    train_images: Optional[int] = typer.Option(
        None, "--train-images", help="At most so many labelled ones, drawn by the seed.", min=1),
    test_images: Optional[int] = typer.Option(None, "--test-images", help="The same.", min=1),
    seed: int = SEED, json_lines: bool = JSON,
) -> None:
    """Accuracy when the train images closest to a test image vote for its class.

    Nothing is learnt and nothing can be tuned: a pass over the images, and the quickest way to see
    whether one checkpoint is better than another. It favours features whose classes lie in clumps;
    `scrl eval linear` asks what a layer could read from them. Compare with "chance", the accuracy of
    always naming the most frequent class.

    Examples:

    `scrl eval knn --checkpoint run/ --train things.h5`

    `scrl eval knn --checkpoint run/ --train train.h5 --test test.h5 -k 20 --json`
    """
    from ..evaluate import knn as evaluate

    collect_notes()
    report = evaluate(
        checkpoint, train, test, neighbours=neighbours, temperature=temperature, size=size,
        train_images=train_images, test_images=test_images, seed=seed, progress=not json_lines)
    rows = [
        ["test accuracy", _share(report.accuracy)],
        ["among five", _share(report.top5)], ["chance", _share(report.chance)],
        ["classes, neighbours", f"{report.classes}, {report.neighbours}"],
        ["train images, test images", f"{report.train_images}, {report.test_images}"],
    ]
    if report.left_out:
        rows.append(["left out: no label or unreadable", str(report.left_out)])
    if report.unseen:
        rows.append(["of a class that train lacks, counted as wrong", str(report.unseen)])
    rows += class_rows(report)
    _tell("k-NN evaluation", report, rows, json_lines)


def regions(
    checkpoint: str = CHECKPOINT,
    train: str = typer.Option(..., "--train", help="Dataset with labelled boxes (`scrl pack --annotations`)."),
    test: Optional[str] = typer.Option(
        None, "--test", help="Another one, its classes matched by name; without it a fifth of --train's "
        "images is held out."),
    neighbours: int = typer.Option(20, "--neighbours", "-k", help="How many boxes vote.", min=1),
    epochs: int = typer.Option(80, "--epochs", help="Of the linear layer.", min=1),
    batch: Optional[int] = typer.Option(None, "--batch", help="Boxes a step; 256, or less.", min=1),
    base_lr: Optional[float] = typer.Option(
        None, "--base-lr", help="Learning rate at batch 256; 0.2."),
    stage: Optional[str] = typer.Option(None, "--stage", help="layer1 … layer4; roi.stage."),
    size: Optional[int] = SHORTER, longest: int = LONGEST,
    train_images: Optional[int] = typer.Option(
        None, "--train-images", help="At most so many, drawn by the seed: 200 asks what few labels "
        "are enough for.", min=1),
    test_images: Optional[int] = typer.Option(None, "--test-images", help="The same.", min=1),
    seed: int = SEED, json_lines: bool = JSON,
) -> None:
    """Names the class of ground-truth boxes: one linear layer, and k-NN, on one vector a box.

    The frozen backbone sees whole pictures, each box is pooled by RoIAlign, and a layer learns the
    classes of the train boxes. It is what a detector's second stage starts from, without training
    a detector: minutes instead of hours.

    Examples:

    `scrl eval regions --checkpoint run/ --train scenes.h5`

    `scrl eval regions --checkpoint run/ --train t.h5 --test v.h5 --size 320 --train-images 200`
    """
    from ..evaluate import regions as evaluate

    collect_notes()
    report = evaluate(
        checkpoint, train, test, neighbours=neighbours, epochs=epochs, batch=batch,
        base_lr=base_lr, stage=stage, size=size, longest=longest, train_images=train_images,
        test_images=test_images, seed=seed, progress=not json_lines)
    rows = [
        ["linear layer", f"{_share(report.linear)}, among five {_share(report.linear_top5)}"],
        [f"k-NN, k = {report.neighbours}",
         f"{_share(report.knn)}, among five {_share(report.knn_top5)}"],
        ["chance", _share(report.chance)], ["classes", str(report.classes)],
        ["train boxes, test boxes", f"{report.train_boxes}, {report.test_boxes}"],
        ["train images, test images", f"{report.train_images}, {report.test_images}"],
        ["batch, base rate", f"{report.batch}, {report.base_lr:g}"],
    ]
    if report.left_out:
        rows.append(["boxes left out: no label, crowd, empty, unreadable", str(report.left_out)])
    if report.unseen:
        rows.append(["of a class that train lacks, counted as wrong", str(report.unseen)])
    rows += class_rows(report)
    _tell("region evaluation", report, rows, json_lines)


def retrieval(
    checkpoint: str = CHECKPOINT,
    data: str = typer.Option(..., "--data", help="Dataset with labelled boxes (`scrl pack --annotations`)."),
    stage: Optional[str] = typer.Option(None, "--stage", help="layer1 … layer4; roi.stage."),
    size: Optional[int] = SHORTER, longest: int = LONGEST,
    images: Optional[int] = typer.Option(
        None, "--images", help="At most so many with boxes, drawn by the seed.", min=1),
    seed: int = SEED, json_lines: bool = JSON,
) -> None:
    """How many of the boxes closest to a box, in other images, show the same class.

    Nothing is learnt or held out. Precision at k is the share of the box's class among the k
    closest, mAP the average precision of the whole ranking; "chance" is the share of the class among
    all boxes of other images.

    Examples:

    `scrl eval retrieval --checkpoint run/ --data scenes.h5`

    `scrl eval retrieval --checkpoint run/ --data scenes.h5 --images 500 --stage layer3 --json`
    """
    from ..evaluate import retrieval as evaluate

    collect_notes()
    report = evaluate(
        checkpoint, data, stage=stage, size=size, longest=longest, images=images, seed=seed,
        progress=not json_lines)
    rows = [
        ["precision at 1", _share(report.precision1)],
        ["precision at 5", _share(report.precision5)],
        ["precision at 20", _share(report.precision20)],
        ["mAP", _share(report.mean_average_precision)], ["chance", _share(report.chance)],
        ["boxes, images, classes", f"{report.boxes}, {report.images}, {report.classes}"],
    ]
    if report.alone:
        rows.append(["boxes alone of their class, not asked", str(report.alone)])
    if report.left_out:
        rows.append(["boxes left out: no label, crowd, empty, unreadable", str(report.left_out)])
    _tell("retrieval of boxes", report, rows, json_lines)


def correspondence(
    checkpoint: str = CHECKPOINT, data: str = DATA, stage: Optional[str] = STAGE,
    size: Optional[int] = PAIR_SIZE,
    grid: int = typer.Option(16, "--grid", help="Cells asked along a side at most.", min=1, max=256),
    distort: bool = typer.Option(False, "--distort", help="Colours and blur change too."),
    images: int = PAIR_IMAGES, seed: int = SEED, json_lines: bool = JSON,
) -> None:
    """Whether a place of one crop finds itself in another crop of the same picture.

    Needs no labels: where two random crops lie is known. Each cell of the first crop looks for the
    most alike cell of the second; the error is the distance in the picture, in pixels. Features that
    know where things are find their place again. "least" is the error of the grid itself, "chance"
    that of choosing blindly.

    Examples:

    `scrl eval correspondence --checkpoint run/ --data photos.h5`

    `scrl eval correspondence --checkpoint run/ --data photos.h5 --size 224 --stage layer3 --distort`
    """
    from ..evaluate import correspondence as evaluate

    collect_notes()
    report = evaluate(
        checkpoint, data, stage=stage, size=size, grid=grid, distort=distort, images=images,
        seed=seed, progress=not json_lines)
    rows = [
        ["mean error, pixels", f"{report.mean_error:.1f}"],
        ["median error, pixels", f"{report.median_error:.1f}"],
        ["mean error of chance, least", f"{report.chance_error:.1f}, {report.least_error:.1f}"],
        ["within one cell", f"{_share(report.within_cell)} (chance {_share(report.chance_within)})"],
        ["cells asked, images", f"{report.cells}, {report.images}"],
    ]
    if report.left_out:
        rows.append(["images left out: no common cell, unreadable", str(report.left_out)])
    _tell("dense correspondence", report, rows, json_lines)


def health(
    checkpoint: str = CHECKPOINT, data: str = DATA,
    rows: Optional[str] = typer.Option(
        None, "--rows", help="views or regions; regions for a model of SCRL, else views."),
    stage: Optional[str] = STAGE, size: Optional[int] = PAIR_SIZE, images: int = PAIR_IMAGES,
    seed: int = SEED, json_lines: bool = JSON,
) -> None:
    """Whether a backbone's features are alive, or have collapsed. Needs no labels.

    Deviation: 1 when the features of different inputs point everywhere alike, 0 when all are the
    same. Effective rank (RankMe): along how many directions they vary; of two runs of one recipe the
    larger is often the better. Similarity: two views of one thing should be more alike than
    different things. Training looks at its projections in the same way every `health.every` steps.

    Examples:

    `scrl eval health --checkpoint run/ --data photos.h5`

    `scrl eval health --checkpoint run/ --data photos.h5 --rows views --json`
    """
    from ..evaluate import ROWS, health as evaluate
    from .output import Failure

    if rows not in ROWS:
        raise Failure(f"--rows is {rows!r}, expected views or regions", 2)
    collect_notes()
    report = evaluate(
        checkpoint, data, rows=rows, stage=stage, size=size, images=images, seed=seed,
        progress=not json_lines)

    def number(value: float) -> str:
        return "–" if math.isnan(value) else f"{value:.3f}"

    lines = [
        ["verdict", "no sign of collapse" if report.collapse is None
         else f"collapsed? {report.collapse}"],
        ["deviation (1 alive, 0 collapsed)", number(report.deviation)],
        ["effective rank", f"{number(report.effective_rank)} of at most {report.rank_limit}"],
        ["cosine of matched, of different images",
         f"{number(report.positive_similarity)}, {number(report.negative_similarity)}"],
        ["pairs, images", f"{report.pairs}, {report.images}"],
    ]
    if report.left_out:
        lines.append(["images left out: no matched region, unreadable", str(report.left_out)])
    _tell("health", report, lines, json_lines)
