"""`scrl eval coco`."""

from typing import Optional

import typer

from .output import Failure, collect_notes, emit, say, table

MEANINGS = {
    "AP": "precision, mean over overlaps 0.50 … 0.95", "AP50": "at overlap 0.50",
    "AP75": "at overlap 0.75", "APs": "of objects up to 32² pixels", "APm": "32² … 96² pixels",
    "APl": "larger ones", "AR1": "recall with 1 detection an image and class",
    "AR10": "with 10", "AR100": "with 100", "ARs": "of objects up to 32² pixels",
    "ARm": "32² … 96² pixels", "ARl": "larger ones",
}


def _percent(value: float) -> str:
    return "–" if value < 0 else f"{100 * value:.2f}"


def coco(
    truth: str = typer.Option(
        ..., "--gt", help="What is there: a COCO annotation file, or a packed dataset."),
    detections: str = typer.Option(
        ..., "--detections", help="What was found: a COCO results list, [{image_id, category_id, "
        "bbox or segmentation, score}, …]."),
    kind: str = typer.Option(
        "bbox", "--kind", help="What is laid over each other: bbox, or segm for masks."),
    leave_out: bool = typer.Option(
        False, "--leave-out", help="List what cannot be used and go on; otherwise the first such "
        "entry ends the command."),
    per_class: bool = typer.Option(False, "--per-class", help="A row for each class too."),
    curves: Optional[str] = typer.Option(
        None, "--curves", help="Write precision over recall of each class to this .npz file: "
        "precision (K,10,101), thresholds, recalls, ids."),
    json_lines: bool = typer.Option(False, "--json", help="The last line is one JSON object."),
) -> None:
    """COCO's twelve figures for a detector's results, equal to pycocotools'.

    A detection has found an object of its class when they overlap (area shared / area of both) by a
    threshold and no better one has taken it. AP is the area under precision over recall; the headline
    is its mean over ten thresholds. Crowd regions count neither for nor against. "–" stands where
    there is no object. For `--kind segm` leave `bbox` out of the results, as COCO's servers do:
    with it areas are those of the boxes.

    Examples:

    `scrl eval coco --gt instances_val2017.json --detections results.json`

    `scrl eval coco --gt val.h5 --detections masks.json --kind segm --per-class`

    `scrl eval coco --gt val.json --detections results.json --leave-out --json`
    """
    import numpy as np

    from .. import outputs
    from ..coco import FIGURES, evaluate

    if kind not in ("bbox", "segm"):
        raise Failure(f"--kind is {kind!r}, expected bbox or segm", 2)
    if curves is not None:
        outputs.check(curves, "curves", truth, detections)
    collect_notes()
    found = evaluate(truth, detections, kind, curves=curves is not None, leave_out=leave_out)
    if curves is not None:
        with outputs.whole_file(curves, "curves", truth, detections) as part, open(part, "wb") as file:
            np.savez_compressed(
                file, precision=found.precision, thresholds=found.thresholds,
                recalls=found.recalls, ids=np.array([each.id for each in found.per_class]))
    if json_lines:
        fields = {name: value for name, value in found._asdict().items()
                  if name not in ("precision", "thresholds", "recalls")}
        fields["per_class"] = [each._asdict() for each in found.per_class]
        fields["left_out"] = [each._asdict() for each in found.left_out]
        emit(**fields)
        return
    rows = [[name, _percent(getattr(found, name)), MEANINGS[name]] for name in FIGURES]
    table("", [f"COCO, {kind}", "%", ""], rows)
    if per_class:
        table("", ["class", "objects", "detections", "AP", "AP50", "AP75", "AR100"], [
            [each.name, str(each.objects), str(each.detections)]
            + [_percent(value) for value in (each.AP, each.AP50, each.AP75, each.AR100)]
            for each in found.per_class])
    say(f"{found.images} images, {found.objects} objects, {found.crowds} crowds, "
        f"{found.detections} detections")
    for each in found.left_out[:20]:
        say(f"left out: {each.entry}: {each.reason}")
    if len(found.left_out) > 20:
        say(f"left out: and {len(found.left_out) - 20} more (all with --json)")
