"""`scrl eval coco`."""

from typing import Any, List, Optional, Tuple

import typer

from .output import Failure, collect_notes, emit, say, table

MEANINGS = {
    "AP": "precision, mean over overlaps 0.50 … 0.95", "AP50": "at overlap 0.50",
    "AP75": "at overlap 0.75", "APs": "of objects up to 32² pixels", "APm": "32² … 96² pixels",
    "APl": "larger ones", "ARs": "recall of objects up to 32² pixels",
    "ARm": "32² … 96² pixels", "ARl": "larger ones",
}
MAX_DETECTIONS = typer.Option(
    "1,10,100", "--max-detections", help="How many detections of an image and class count, COCO's "
    "maxDets: three rising numbers, the first two for their two rows of recall alone.")


def limits_of(text: str) -> Tuple[int, ...]:
    """Of --max-detections."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise Failure(f"--max-detections is {text!r}, expected three numbers such as 1,10,100",
                      2) from None


def figure_rows(names: Any, limits: Tuple[int, ...]) -> List[Tuple[str, str, str]]:
    """(field, what it is called with these limits, what it means) of COCO's figures."""
    rows = []
    for name in names:
        if name in ("AR1", "AR10", "AR100"):
            most = limits[("AR1", "AR10", "AR100").index(name)]
            rows.append((name, f"AR{most}", f"recall with {most} detections an image and class"))
        else:
            rows.append((name, name, MEANINGS[name]))
    return rows


def class_lines(found: Any, what: str) -> List[str]:
    """What is told of classes that one side lacks; `what` made the detections."""
    lines = []
    if found.unknown_classes:
        lines.append(f"{found.unknown_objects} objects left out, of classes that {what} lacks: "
                     f"{', '.join(found.unknown_classes)}")
    if found.absent_classes:
        lines.append(f"{found.absent_detections} detections left out, of classes that the ground truth "
                     f"lacks: {', '.join(found.absent_classes)}")
    if found.uncounted:
        lines.append(f"{found.uncounted} detections do not count: more than "
                     f"{found.max_detections[2]} of an image and class (--max-detections)")
    return lines


def _percent(value: float) -> str:
    return "–" if value < 0 else f"{100 * value:.2f}"


def coco(
    truth: str = typer.Option(
        ..., "--gt", help="What is there: a COCO annotation file, or a packed dataset."),
    detections: str = typer.Option(
        ..., "--detections", help="What was found: a COCO results list, [{image_id, category_id, "
        "bbox or segmentation, score}, …], or an object with it as annotations and its own "
        "categories."),
    categories: Optional[str] = typer.Option(
        None, "--categories", help="What the detections' category ids mean, when they are not those of "
        "--gt: a COCO file or its list of categories, a packed dataset, or the detector's run folder. "
        "Classes then go by name."),
    max_detections: str = MAX_DETECTIONS,
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
    there is no object. A plain results list has the ids of --gt. For `--kind segm` leave `bbox` out of
    the results, as COCO's servers do: with it areas are those of the boxes.

    Examples:

    `scrl eval coco --gt instances_val2017.json --detections results.json`

    `scrl eval coco --gt val.h5 --detections masks.json --kind segm --per-class`

    `scrl eval coco --gt val.json --detections results.json --leave-out --json`

    `scrl eval coco --gt val.json --detections results.json --categories train.json`
    """
    import numpy as np

    from .. import outputs
    from ..coco import FIGURES, evaluate

    if kind not in ("bbox", "segm"):
        raise Failure(f"--kind is {kind!r}, expected bbox or segm", 2)
    if curves is not None:
        outputs.check(curves, "curves", truth, detections)
    collect_notes()
    found = evaluate(truth, detections, kind, curves=curves is not None, leave_out=leave_out,
                     categories=categories, max_detections=limits_of(max_detections))
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
    rows = [[called, _percent(getattr(found, name)), meaning]
            for name, called, meaning in figure_rows(FIGURES, found.max_detections)]
    table("", [f"COCO, {kind}", "%", ""], rows)
    if per_class:
        table("", [
            "class", "objects", "detections", "AP", "AP50", "AP75", f"AR{found.max_detections[2]}"], [
            [each.name, str(each.objects), str(each.detections)]
            + [_percent(value) for value in (each.AP, each.AP50, each.AP75, each.AR100)]
            for each in found.per_class])
    say(f"{found.images} images, {found.objects} objects, {found.crowds} crowds, "
        f"{found.detections} detections")
    for line in class_lines(found, "--detections"):
        say(line)
    for each in found.left_out[:20]:
        say(f"left out: {each.entry}: {each.reason}")
    if len(found.left_out) > 20:
        say(f"left out: and {len(found.left_out) - 20} more (all with --json)")
