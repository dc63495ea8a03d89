"""What there is to do: the stages of the settings, in the order in which they run.

One seed of every method with its judges comes before the next seed: whenever the experiment is
stopped, what there is compares all methods on the same seeds.
"""

from functools import partial
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

import scrl

from . import judges, pictures, pretrain
from .cache import Cache, Record
from .flow import Stage, Work, keys_of
from .settings import Pictures, Settings, as_json


class Plan(NamedTuple):
    """Settings, all that they ask for, and where its results are."""

    settings: Settings
    stages: List[Stage]
    cache: Cache

    def records(self) -> Dict[str, Dict[str, Any]]:
        """What is done, by name: whole records."""
        found = {stage.name: self.cache.record(stage) for stage in self.stages}
        return {name: record for name, record in found.items() if record is not None}


def plan_of(settings: Settings, out: Path,
            known: Optional[Mapping[str, Record]] = None) -> Plan:
    """Known: results from elsewhere, which count as done."""
    made = stages(settings)
    return Plan(settings, made, Cache(out, keys_of(made), known))


def check(settings: Settings) -> None:
    """Raises ConfigError for a config that the library refuses, before hours are spent."""
    for method in settings.methods:
        values = _values(settings, method, 0)
        scrl.Config.from_dict(values, pretrain.PRESETS[method]).close()


def stages(settings: Settings) -> List[Stage]:
    found = [_pictures(name, what) for name, what in settings.pictures.items()]
    corpus = [name for name in settings.pictures if name.startswith("corpus_")]
    found.append(Stage(
        "corpus.both", {}, tuple(f"pictures.{name}" for name in corpus),
        sum(settings.pictures[name].count for name in corpus), "pictures", "pack",
        pictures.join))
    for seed in (*settings.seeds, *settings.more_seeds):
        for method in settings.methods:
            if method == "supervised" and seed in settings.more_seeds:
                continue
            found.append(_pretraining(settings, method, seed))
            found += judges.stages(settings, method, seed)
    return [stage._replace(inputs={**stage.inputs, "edition": settings.editions[stage.kind]})
            for stage in found]


def _pictures(name: str, what: Pictures) -> Stage:
    return Stage(f"pictures.{name}", as_json(what), (), what.count, "pictures",
                 f"pictures.{what.mode}", partial(pictures.make, what=what))


def _values(settings: Settings, method: str, seed: int) -> Dict[str, Any]:
    plan = settings.pretraining
    return pretrain.config_of(
        method, seed, plan.steps(method), {**plan.common, **plan.own[method]})


def _pretraining(settings: Settings, method: str, seed: int) -> Stage:
    values = _values(settings, method, seed)
    steps = int(values["train.steps"])
    source = "pictures.corpus_objects" if method == "supervised" else "corpus.both"

    def run(work: Work) -> Dict[str, Any]:
        return pretrain.run(work, method, values, work.folders[source] / "data.h5")

    return Stage(
        f"pretrain.{method}.{seed}", {"preset": pretrain.PRESETS[method], "config": values},
        (source,), steps * int(values["train.batch"]), "images",
        f"pretrain.{'scrl' if method == 'random' else method}", run,
        partial(pretrain.share_done, steps))
