"""EXPERIMENTS.md: settings, table, differences, costs and plots, from results alone."""

import json
import shutil
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence

import numpy as np

from . import clock, measures, plots
from .cache import Cache
from .flow import Stage
from .measures import MEASURES, TITLES
from .settings import Settings, as_json


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |"
                     for row in (head, ["---"] * len(head), *rows)) + "\n"


def records_of(stages: Sequence[Stage], cache: Cache) -> Dict[str, Dict[str, Any]]:
    """What is done, by name: whole records."""
    found = {stage.name: cache.record(stage) for stage in stages}
    return {name: record for name, record in found.items() if record is not None}


def write(out: Path, settings: Settings, stages: Sequence[Stage], cache: Cache,
          command: str) -> Path:
    """Writes OUT/EXPERIMENTS.md, its pictures and results.json; returns the document's path."""
    records = records_of(stages, cache)
    results = {name: record["result"] for name, record in records.items()}
    values = measures.collect(results)
    pictures = _pictures(out / "plots", settings, values, results)
    text = render(settings, stages, records, values, pictures, command)
    path = out / "EXPERIMENTS.md"
    path.write_text(text, "utf-8")
    (out / "results.json").write_text(json.dumps(
        {"settings": as_json(settings), "values": values,
         "claims": [{**claim._asdict(), "found": claim.found and claim.found._asdict(),
                     "answer": claim.answer} for claim in measures.claims(values)]},
        indent=1) + "\n", "utf-8")
    return path


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


def render(settings: Settings, stages: Sequence[Stage], records: Mapping[str, Mapping[str, Any]],
           values: measures.Values, pictures: Mapping[str, str], command: str) -> str:
    """The document's text."""
    missing = [stage.name for stage in stages if stage.name not in records]
    parts = [_head(settings, records, missing, command)]
    if "pictures" in pictures:
        parts.append(f"![Scenes above, centred objects below]({pictures['pictures']})\n")
    parts.append(_results(settings, values, records))
    if "measures" in pictures:
        parts.append(f"![Measures by method]({pictures['measures']})\n")
    parts.append(_differences(settings, values))
    if "differences" in pictures:
        parts.append(f"![SCRL minus BYOL]({pictures['differences']})\n")
    parts.append(_costs(settings, records))
    if "curves" in pictures:
        parts.append(f"![Loss of each run]({pictures['curves']})\n")
    parts.append(_health(settings, records))
    parts.append(_method(settings))
    return "\n".join(parts)


def _head(settings: Settings, records: Mapping[str, Mapping[str, Any]], missing: List[str],
          command: str) -> str:
    machines = sorted({record.get("machine", "") for record in records.values()} - {""})
    when = sorted(record["when"][:10] for record in records.values())
    seconds = sum(record["seconds"] for record in records.values())
    text = ["# Experiment: SCRL beside BYOL, supervised training and random weights\n",
            "Written by `examples/experiment` from its own results. One backbone, "
            f"{settings.pretraining.common['model.arch']}, pretrained by each method on made "
            f"pictures from {len(settings.seeds)} seeds, then judged.\n",
            f"```sh\n{command}\n```\n"]
    if settings.name != "full":
        text.append(f"**These are the {settings.name} settings: they try the machinery and answer "
                    "nothing.**\n")
    if missing:
        text.append(f"**Not complete**: {len(missing)} of {len(missing) + len(records)} stages are "
                    f"to do: {', '.join(missing[:6])}{' …' if len(missing) > 6 else ''}.\n")
    if records:
        text.append(f"Measured {when[0]}{'' if when[0] == when[-1] else ' to ' + when[-1]} in "
                    f"{clock.duration(seconds)} of work on "
                    f"{'; '.join(machines) or 'an unnamed machine'}.\n")
    return "\n".join(text)


def _results(settings: Settings, values: measures.Values,
             records: Mapping[str, Mapping[str, Any]]) -> str:
    shown = [each for each in MEASURES if each.name in values]
    if not shown:
        return "## Results\n\nNothing was judged so far.\n"
    results = {name: record["result"] for name, record in records.items()}
    rows = [[TITLES.get(method, method), *(
        measures.percent(measures.of_method(values, each.name, method)) for each in shown)]
        for method in settings.methods]
    levels = [measures.chance_of(each, results) for each in shown]
    if any(level is not None for level in levels):
        rows.append(["chance", *(
            "" if level is None else f"{100 * level:.1f}" for level in levels)])
    counts = [len(seeds) for by_method in values.values() for seeds in by_method.values()]
    seeds = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    return ("## Results\n\nPer cent: the mean over seeds and its 95 % interval (Student's t; seeds: "
            f"{seeds}). Seeds vary weights, order and views; pictures and test sets are the same for "
            "all.\n\n"
            + _table(["pretraining", *(each.title for each in shown)], rows))


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


def _costs(settings: Settings, records: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for method in settings.methods:
        runs = [record for name, record in records.items()
                if name.startswith(f"pretrain.{method}.")]
        if not runs:
            continue
        results = [run["result"] for run in runs]
        rate = float(np.mean([each["images_per_second"] for each in results]))
        rows.append([
            TITLES.get(method, method), str(len(runs)), f"{results[0]['steps']:,}",
            f"{results[0]['images']:,}",
            clock.duration(float(np.mean([each["step_seconds"] for each in results]))),
            f"{rate:.1f}"])
    if not rows:
        return ""
    head = ["pretraining", "runs", "steps", "pictures seen", "time of a run", "pictures/s"]
    return ("## Cost\n\nEvery method sees the same number of pictures, two views of each, in as "
            "many steps. Supervised training has no target network: a quarter of a step's arithmetic "
            "less. Random weights go through a few steps of rate 0, for BatchNorm's statistics.\n\n"
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
            "many pictures in all. Whole images are judged on centred objects, regions and "
            "detection on scenes; no judge's picture was pretrained on.\n\n"
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
