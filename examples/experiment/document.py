"""EXPERIMENTS.md: settings, table, differences, costs and plots, from results alone."""

import json
import shutil
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence

import numpy as np

from . import clock, measures, plots
from .measures import MEASURES, TITLES
from .settings import VARIANTS, Settings, as_json
from .stages import Plan


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |"
                     for row in (head, ["---"] * len(head), *rows)) + "\n"


def write(out: Path, base: Plan, variants: Sequence[Plan], command: str) -> Path:
    """Writes OUT/EXPERIMENTS.md, its pictures and results.json; returns the document's path."""
    settings, records = base.settings, base.records()
    results = {name: record["result"] for name, record in records.items()}
    values = measures.collect(results)
    pictures = _pictures(out / "plots", settings, values, results)
    text = render(base, records, values, variants, pictures, command)
    path = out / "EXPERIMENTS.md"
    path.write_text(text, "utf-8")
    (out / "results.json").write_text(json.dumps(
        {"settings": as_json(settings), "values": values,
         "claims": [{**claim._asdict(), "found": claim.found and claim.found._asdict(),
                     "answer": claim.answer} for claim in measures.claims(values)],
         "variants": {each.settings.name: _values_of(each) for each in variants}},
        indent=1) + "\n", "utf-8")
    return path


def _values_of(plan: Plan) -> measures.Values:
    return measures.collect(
        {name: record["result"] for name, record in plan.records().items()})


def _pictures(folder: Path, settings: Settings, values: measures.Values,
              results: Mapping[str, Any]) -> Dict[str, str]:
    """Draws what can be drawn; by name, the path relative to the document."""
    drawn = {}
    samples(settings, folder / "pictures.png")
    drawn["pictures"] = "plots/pictures.png"
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return drawn
    if values:
        plots.measures(values, list(settings.methods), folder / "measures.svg")
        plots.differences(values, folder / "differences.svg")
        drawn.update(measures="plots/measures.svg", differences="plots/differences.svg")
    if any(name.startswith("pretrain.") for name in results):
        plots.curves(results, folder / "curves.svg")
        drawn["curves"] = "plots/curves.svg"
    return drawn


def samples(settings: Settings, path: Path, count: int = 8) -> None:
    """A row of scenes and a row of centred objects."""
    from PIL import Image
    from scrl import synth

    rows = []
    for name in ("scenes_test", "objects_test"):
        what = settings.pictures[name]
        tiles = [Image.fromarray(synth.render(what.seed, index, what.mode, what.side, what.look)[0])
                 .resize((128, 128)) for index in range(count)]
        rows.append(np.hstack([np.asarray(tile) for tile in tiles]))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.vstack(rows)).save(path, optimize=True)


def render(base: Plan, records: Mapping[str, Mapping[str, Any]], values: measures.Values,
           variants: Sequence[Plan], pictures: Mapping[str, str], command: str) -> str:
    """The document's text."""
    settings = base.settings
    missing = [stage.name for stage in base.stages if stage.name not in records]
    parts = [_head(settings, records, missing, command)]
    if "pictures" in pictures:
        parts.append(f"![Scenes above, centred objects below]({pictures['pictures']})\n")
    parts.append(_results(settings, values, records))
    if "measures" in pictures:
        parts.append(f"![Measures by method]({pictures['measures']})\n")
    parts.append(_differences(settings, values))
    if "differences" in pictures:
        parts.append(f"![SCRL minus BYOL]({pictures['differences']})\n")
    parts.append(_variants(values, variants))
    parts.append(_costs(settings, records))
    if "curves" in pictures:
        parts.append(f"![Loss of each run]({pictures['curves']})\n")
    parts.append(_health(settings, records))
    parts.append(_method(settings))
    return "\n".join(filter(None, parts))


def _head(settings: Settings, records: Mapping[str, Mapping[str, Any]], missing: List[str],
          command: str) -> str:
    machines = sorted({record.get("machine", "") for record in records.values()} - {""})
    when = sorted(record["when"][:10] for record in records.values())
    seconds = sum(record["seconds"] for record in records.values())
    text = ["# Experiment: SCRL beside BYOL, supervised training and random weights\n",
            "Written by `examples/experiment` from its own results. One backbone, "
            f"{settings.pretraining.common['model.arch']}, pretrained by each method on made "
            f"pictures from {_seeds(settings)}, then judged.\n",
            f"```sh\n{command}\n```\n"]
    if settings.name != "full":
        text.append(f"**These are the {settings.name} settings: they try the machinery and answer "
                    "nothing.**\n")
    if missing:
        text.append(f"**Not complete**: {len(missing)} of {len(missing) + len(records)} stages are "
                    f"to do: {', '.join(missing[:6])}{' …' if len(missing) > 6 else ''}.\n")
    if records:
        text.append(f"Measured {when[0]}{'' if when[0] == when[-1] else ' to ' + when[-1]} in "
                    f"{clock.duration(seconds)} of one thread's work on "
                    f"{'; '.join(machines) or 'an unnamed machine'}.\n")
    return "\n".join(text)


def _seeds(settings: Settings) -> str:
    least, most = len(settings.seeds), len(settings.seeds) + len(settings.more_seeds)
    return f"{most} seeds" + (f" (supervised: {least})" if most > least else "")


def _results(settings: Settings, values: measures.Values,
             records: Mapping[str, Mapping[str, Any]]) -> str:
    shown = [each for each in MEASURES if each.name in values]
    if not shown:
        return "## Results\n\nNothing was judged so far.\n"
    results = {name: record["result"] for name, record in records.items()}
    rows = [[TITLES.get(method, method), str(max(
        len(values[each.name].get(method, {})) for each in shown)), *(
            measures.percent(measures.of_method(values, each.name, method)) for each in shown)]
        for method in settings.methods]
    levels = [measures.chance_of(each, results) for each in shown]
    if any(level is not None for level in levels):
        rows.append(["chance", "", *(
            "" if level is None else f"{100 * level:.1f}" for level in levels)])
    return ("## Results\n\nPer cent: the mean over seeds and its 95 % interval (Student's t). Seeds vary "
            "weights, order and views; pictures and test sets are the same for all.\n\n"
            + _table(["pretraining", "seeds", *(each.title for each in shown)], rows))


def _differences(settings: Settings, values: measures.Values) -> str:
    shown = [each for each in MEASURES if each.name in values]
    pairs = [pair for pair in measures.DIFFERENCES
             if any(measures.difference(values, each.name, *pair) for each in shown)]
    rows = [[each.title, *(measures.percent(measures.difference(values, each.name, *pair), True)
                           for pair in pairs)] for each in shown]
    heads = [f"{TITLES[first]} − {TITLES[second]}" for first, second in pairs]
    asked = [claim for claim in measures.CLAIMS if {*claim[1:]} <= {*settings.methods}]
    claims = [[measures.title_of(claim.measure),
               f"{TITLES[claim.first]} before {TITLES[claim.second]}",
               measures.percent(claim.found, True), claim.answer,
               {None: "–", True: "yes", False: "no"}[claim.apart]]
              for claim in measures.claims(values, asked)]
    return ("## Differences\n\nPoints, taken seed by seed; 95 % intervals of their means, not corrected for "
            "their number.\n\n"
            + _table(["measure", *heads], rows)
            + "\nThe paper's order, asked of these numbers:\n\n"
            + _table(["measure", "claim", "difference", "holds here", "own intervals apart"],
                     claims))


def _variants(values: measures.Values, variants: Sequence[Plan]) -> str:
    """What SCRL gains over BYOL when a choice is made otherwise."""
    asked = list(dict.fromkeys(claim[0] for claim in measures.CLAIMS))
    rows = []
    for title, found in [("as above", values), *(
            (each.settings.name, _values_of(each)) for each in variants)]:
        gains = [measures.difference(found, name, "scrl", "byol") for name in asked]
        if any(gains):
            seeds = max(gain.count for gain in gains if gain)
            rows.append([title, str(seeds), *(
                "–" if gain is None else
                f"{measures.percent(measures.mean_of(found, name, 'scrl'))} "
                f"({measures.percent(gain, True)})" for name, gain in zip(asked, gains))])
    if len(rows) < 2:
        return ""
    changes = "".join(
        f"- {each.title}: " + ", ".join(f"`--set {path}={text}`"
                                        for path, text in each.changes.items()) + "\n"
        for each in VARIANTS)
    return ("## What it depends on\n\nSCRL's mean, and in brackets how far it is above BYOL's, with the "
            "interval of that difference.\n\n"
            + _table(["settings", "seeds", *(measures.title_of(name) for name in asked)], rows)
            + f"\n{changes}")


def _costs(settings: Settings, records: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for method in settings.methods:
        runs = [record for name, record in records.items()
                if name.startswith(f"pretrain.{method}.")]
        if not runs:
            continue
        results = [run["result"] for run in runs]
        rate = float(np.median([each["images_per_second"] for each in results]))
        rows.append([
            TITLES.get(method, method), str(len(runs)), f"{results[0]['steps']:,}",
            f"{results[0]['images']:,}",
            clock.duration(results[0]["images"] / rate), f"{rate:.1f}"])
    if not rows:
        return ""
    head = ["pretraining", "runs", "steps", "pictures seen", "time of a run", "pictures/s"]
    return ("## Cost\n\nEvery method sees the same number of pictures, two views of each, in as "
            "many steps. Supervised training has no target network: a quarter of a step's arithmetic "
            "less. Random weights go through a few steps of rate 0, for BatchNorm's statistics. Times are "
            "those of the median step.\n\n"
            + _table(head, rows))


def _health(settings: Settings, records: Mapping[str, Mapping[str, Any]]) -> str:
    """Whether the features of each run are alive: without that no comparison says anything."""
    rows = []
    for method in settings.methods:
        found = [record["result"] for name, record in records.items()
                 if name.startswith(f"quick.{method}.")]
        if not found:
            continue
        ranks = [each["effective_rank"] for each in found if each["effective_rank"] is not None]
        signs = sorted({each["collapse"] for each in found if each["collapse"]})
        rows.append([
            TITLES.get(method, method), f"{np.mean([each['deviation'] for each in found]):.2f}",
            f"{np.mean(ranks):.1f}" if ranks else "–", "; ".join(signs) or "none"])
    if not rows:
        return ""
    return ("## Are the features alive?\n\nOf regions of scenes: the deviation of unit vectors (1: "
            "they point everywhere, 0: all are the same), the directions that they use, and signs of "
            "collapse; means over seeds.\n\n"
            + _table(["pretraining", "deviation", "effective rank", "signs of collapse"], rows))


def _method(settings: Settings) -> str:
    """The settings in words and numbers; nothing measured here."""
    sets = [[name, what.mode, f"{what.count:,}", f"{what.side}²", str(what.seed)]
            for name, what in settings.pictures.items()]
    values = {**settings.pretraining.common}
    own = [[TITLES.get(method, method), ", ".join(
        f"`{key}={value}`" for key, value in settings.pretraining.own[method].items())]
        for method in settings.methods]
    return ("## What was done\n\n"
            "Classes are ten surface patterns; colour, turn, scale and outline are random. A "
            "centred object has parts that share its pattern alone. SCRL and BYOL see scenes and centred "
            "objects without labels; supervised training sees the centred objects with theirs, as "
            "many pictures in all. Those labels are the classes that the judges ask for: a ceiling, no "
            "rival. Whole images are judged on centred objects, regions and detection on scenes; no "
            "judge's picture was pretrained on.\n\n"
            + _table(["pictures", "kind", "number", "side", "seed"], sets)
            + "\nOf all methods: " + ", ".join(f"`{key}={value}`" for key, value in values.items())
            + ".\n\n" + _table(["method", "its own"], own)
            + f"\nAll numbers: `examples/experiment/settings.py`, settings `{settings.name}`. "
            + "Judges: "
            + "; ".join(f"{name} {json.dumps(as_json(how))}" for name, how in _judges(settings))
            + ".\n")


def _judges(settings: Settings) -> List[Any]:
    return [(name, getattr(settings, name)) for name in ("linear", "regions", "quick", "detection")]


def copy_to(document: Path, root: Path) -> Path:
    """Takes the document to a checkout's root, with its pictures beside the experiment's code."""
    home = "examples/experiment/results"
    text = document.read_text("utf-8")
    (root / home).mkdir(parents=True, exist_ok=True)
    for source in sorted((document.parent / "plots").iterdir()):
        shutil.copyfile(source, root / home / source.name)
        text = text.replace(f"](plots/{source.name})", f"]({home}/{source.name})")
    (root / document.name).write_text(text, "utf-8")
    return root / document.name
