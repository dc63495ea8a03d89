"""The report's HTML: one self-contained page, for light and dark screens."""

import html
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from . import __version__
from .config import Config
from .evaluate import CorrespondenceReport, HealthReport, RegionReport
from .outputs import PAGE
from .pictures import FEATURE_SIDE, curve, data_uri, draw_boxes, pixels_of_view
from .matches import Matches, draw as draw_matches
from .views import ViewPair


class Facts(NamedTuple):
    """All that the page tells."""

    run: str
    config: Config
    metrics: List[Dict[str, Any]]
    images: int
    views: List[Tuple[int, ViewPair]]
    matches: List["Matched"]
    features: Dict[str, List[np.ndarray]]  # column → pictures (h,w,3) uint8
    cells: Tuple[int, int]
    before: "Judged"  # fresh weights
    after: "Judged"


class Matched(NamedTuple):
    """Where the places of one view of an image find themselves in the other."""

    image: int
    pair: ViewPair
    before: Matches  # fresh weights
    after: Matches


class Judged(NamedTuple):
    """What the quick judges say of one model."""

    regions: Optional[RegionReport]  # None: no labelled boxes to judge by
    correspondence: Optional[CorrespondenceReport]  # None: no views that share a cell
    health: Optional[HealthReport]  # None: the features are not finite


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
.tile b { display:block; font-size:19px; font-weight:650; letter-spacing:-.02em;
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


def escape(value: Any) -> str:
    return html.escape(str(value).encode("utf-8", "backslashreplace").decode())


def picture(pixels: np.ndarray, what: str) -> str:
    return f'<img src="{data_uri(pixels)}" alt="{escape(what)}">'


def tile(value: str, what: str) -> str:
    return f'<div class="tile"><b>{value}</b><span>{escape(what)}</span></div>'


def _change(first: float, last: float, form: str) -> str:
    return f"{format(first, form)} <i>→</i> {format(last, form)}"


def _tiles(facts: Facts, numbers: Dict[str, Any]) -> str:
    tiles = []
    if numbers["loss_first"] is not None:
        tiles.append(tile(_change(numbers["loss_first"], numbers["loss_last"], ".3f"),
                           "loss, first and last 5 % of the steps"))
    before, after = facts.before.regions, facts.after.regions
    if before and after:
        for name in ("knn", "linear"):
            label = {"knn": "k-NN", "linear": "linear"}[name]
            tiles.append(tile(
                _change(100 * getattr(before, name), 100 * getattr(after, name), ".1f")
                + " %", f"regions named rightly, {label}; chance {100 * after.chance:.1f} %"))
    if numbers["images_per_second"]:
        tiles.append(tile(f"{numbers['images_per_second']:.1f}", "images/s in training (median)"))
    tiles.append(tile(f"{numbers['steps']:,}", f"steps of {facts.config['train.batch']} images"))
    return '<div class="tiles">' + "".join(tiles) + "</div>"


def _pairs(facts: Facts) -> str:
    cards = []
    for index, pair in facts.views:
        def name(number: int, crop: Sequence[int], flip: bool) -> str:
            return (f"view {number}: {crop[3]}×{crop[2]} px at ({crop[1]}, {crop[0]})"
                    + (", mirrored" if flip else ""))

        first, second = name(1, pair.crop1, pair.flip1), name(2, pair.crop2, pair.flip2)
        cards.append(
            '<div class="card pair">'
            f"<figure>{picture(draw_boxes(pixels_of_view(pair.view1), pair.boxes1), first)}"
            f"<figcaption>image {index}, {first}</figcaption></figure>"
            f"<figure>{picture(draw_boxes(pixels_of_view(pair.view2), pair.boxes2), second)}"
            f"<figcaption>{second}</figcaption></figure></div>")
    return '<div class="pairs">' + "".join(cards) + "</div>"


def _found_again(facts: Facts) -> str:
    """Fresh and trained weights side by side: lines from each place to where it was found."""
    if not facts.matches:
        return '<p class="soft">No two views share a place, or the features are not finite.</p>'
    cards = []
    for image, pair, before, after in facts.matches:
        for words, found in (("fresh weights", before), ("after training", after)):
            told = (f"image {image}, {words}: {100 * found.right:.0f} % of {len(found.errors)} "
                    "places within a cell" if len(found.errors) else f"image {image}: none shared")
            cards.append(f'<figure class="card">{picture(draw_matches(pair, found), told)}'
                         f"<figcaption>{told}</figcaption></figure>")
    return '<div class="pairs">' + "".join(cards) + "</div>"


def _features(facts: Facts) -> str:
    titles = {"image": "image", "before": "fresh weights", "after": "after training"}
    pictures = len(facts.features["image"])
    rows = []
    for column, images in facts.features.items():
        rows.append(f"<div>{titles[column]}</div>")
        rows += [picture(pixels, f"{titles[column]} {number}")
                 for number, pixels in enumerate(images)]
    return (f'<div class="card"><div class="features" style="grid-template-columns:96px '
            f'repeat({pictures},minmax(90px,1fr));align-items:center">' + "".join(rows)
            + "</div></div>")


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], numeric: bool = False) -> str:
    def cells(kind: str, row: Sequence[Any]) -> str:
        return "".join(
            f'<{kind}{" class=n" if numeric and place else ""}>{escape(cell)}</{kind}>'
            for place, cell in enumerate(row))

    return ("<table><thead><tr>" + cells("th", head) + "</tr></thead><tbody>"
            + "".join(f"<tr>{cells('td', row)}</tr>" for row in rows) + "</tbody></table>")


def _without_labels(facts: Facts) -> str:
    """What is known of the features without labels: where they point, whether they are alive."""
    rows = []
    first, last = facts.before.correspondence, facts.after.correspondence
    if first and last:
        rows += [
            ["a place finds itself in another crop, within a cell",
             *(f"{100 * each.within_cell:.1f} %" for each in (first, last)),
             f"{100 * last.chance_within:.1f} %"],
            ["mean error of that, pixels", *(f"{each.mean_error:.1f}" for each in (first, last)),
             f"{last.chance_error:.1f}"],
        ]
    healths = [each.health for each in (facts.before, facts.after) if each.health]
    if len(healths) < 2:
        return '<p class="soft">The features are not finite: nothing to judge without labels.</p>'
    rows += [
        ["effective rank of the features", *(f"{each.effective_rank:.1f}" for each in healths), "–"],
        ["deviation (1 alive, 0 collapsed)", *(f"{each.deviation:.3f}" for each in healths), "–"],
        ["cosine of matched less that of different images",
         *(f"{each.positive_similarity - each.negative_similarity:.3f}" for each in healths), "–"],
    ]
    sign = healths[-1].collapse
    verdict = "No sign of collapse." if sign is None else f"A sign of collapse: {escape(sign)}."
    return ('<div class="card" style="margin-top:18px">'
            + table(["without labels", "fresh weights", "after training", "chance"], rows,
                     numeric=True) + f'<p class="soft">{verdict}</p></div>')


def _numbers(facts: Facts, numbers: Dict[str, Any]) -> str:
    parts = []
    before, after = facts.before.regions, facts.after.regions
    if before and after:
        seen = ("Pretraining saw the images and their labels, not the boxes."
                if facts.config["method"] == "supervised"
                else "Pretraining saw the images, never the labels.")
        parts.append(
            '<div class="card">' + table(
                ["naming the class of ground-truth boxes", "fresh weights", "after training",
                 "chance"],
                [[label, *(f"{100 * getattr(score, name):.1f} %"
                           for score in (before, after)), f"{100 * after.chance:.1f} %"]
                 for name, label in (("knn", f"weighted k-NN, cosine, k = {after.neighbours}"),
                                     ("linear", "one linear layer"))], numeric=True)
            + f'<p class="soft">Frozen backbone, one RoIAligned vector a box; {after.train_boxes:,} '
              f"boxes to learn from, {after.test_boxes:,} others, of other images, to test; "
              f"{after.classes} classes. {seen} Chance is "
              "the share of the most frequent class. One seed: differences of a few per cent may "
              "be noise. Fresh weights use BatchNorm's starting statistics.</p></div>")
    else:
        parts.append('<p class="soft">The dataset has too few labelled boxes (or the features are '
                     "not finite), so regions were not judged.</p>")
    parts.append(_without_labels(facts))
    loss = ("–" if numbers["loss_first"] is None
            else f"{numbers['loss_first']:.4f} → {numbers['loss_last']:.4f}")
    rate = numbers["images_per_second"]
    judged = ([] if numbers["accuracy_last"] is None else
              [["accuracy on training views, last 5 %", f"{numbers['accuracy_last']:.3f}"]])
    rows = [
        ["method", facts.config["method"]], ["backbone", facts.config["model.arch"]],
        ["images in the dataset", f"{facts.images:,}"],
        ["steps × batch", f"{numbers['steps']:,} × {facts.config['train.batch']}"],
        ["epochs seen", f"{numbers['steps'] * int(facts.config['train.batch']) / facts.images:.1f}"],
        ["loss, first → last 5 %", loss],
        *judged,
        ["images per second, median", "–" if rate is None else f"{rate:.1f}"],
        ["time in steps", f"{numbers['seconds'] / 60:.1f} min"],
        ["seed", facts.config["seed"]],
    ]
    options = [[key, ":".join(map(str, value)) if isinstance(value, tuple) else value]
               for key, value in facts.config.items()]
    parts.append('<div class="card" style="margin-top:18px">' + table(["run", ""], rows)
                 + "<details><summary>all options</summary>" + table(["key", "value"], options)
                 + "</details></div>")
    return "".join(parts)


def frame(title: str, body: str) -> str:
    """A whole page around its body."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">{PAGE}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}: run report</title><style>{STYLE}</style></head><body><main>
<h1>{escape(title.upper() if len(title) < 30 else title)}</h1>
{body}
<footer>Written by scrl {__version__} from the run's own files. No figure on this page is claimed that
was not run: all of them were computed from this checkpoint, this dataset and this
<code>metrics.jsonl</code>.</footer>
</main></body></html>
"""


def render(facts: Facts, numbers: Dict[str, Any]) -> str:
    title = f"{facts.config['method']} · {facts.config['model.arch']}"
    drawn_curve = (f'<div class="card">{curve(facts.metrics)}</div>' if facts.metrics
                   else '<p class="soft">The run folder has no metrics.jsonl.</p>')
    cells = f"{facts.cells[1]}×{facts.cells[0]}"
    return frame(title, f"""<p class="soft">Report of the run in <code>{escape(facts.run)}</code>:
{facts.images:,} images, views of
{facts.config['views.size']}², {facts.config['boxes.per_image']} boxes each.</p>
{_tiles(facts, numbers)}
<h2>Learning curve</h2>
<p class="soft">Mean squared distance of normalised predictions and targets over box pairs, 0 to 8;
the bold line is a moving mean.</p>
{drawn_curve}
<h2>What is matched</h2>
<p class="soft">Two augmented views of one image, as training sees them. Boxes of one colour are the
same region; their features are pulled together.</p>
{_pairs(facts)}
<h2>Where places find themselves</h2>
<p class="soft">Two crops of one image, colours unchanged. A line leads from a cell of the left one
to the cell of the right one whose features are most alike: green when that is the same place within
a cell, then amber, red from four cells on.</p>
{_found_again(facts)}
<h2>What the features see</h2>
<p class="soft">The feature map of {facts.config['roi.stage']} ({cells} cells, images enlarged to
{FEATURE_SIDE}²): its three main directions as red, green and blue, one set of directions for each
row. Like colours are like features.</p>
{_features(facts)}
<h2>Numbers</h2>
{_numbers(facts, numbers)}""")
