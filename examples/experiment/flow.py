"""Stages: pieces of work that declare what they depend on. No file is touched here.

A stage's key is a hash of its inputs and of the keys of the stages it needs, so a changed setting
changes the keys of what depends on it and of nothing else.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Tuple


class Stage(NamedTuple):
    """One piece of work."""

    name: str                           # "pretrain.scrl.0": kind first
    inputs: Mapping[str, Any]           # all that the result depends on, but for `needs`; JSON
    needs: Tuple[str, ...]              # names of stages whose folders or results are read
    work: float                         # how much there is to do, in `unit`
    unit: str                           # "images"
    rate: str                           # stages of one rate take time in proportion to work
    run: Callable[["Work"], Dict[str, Any]]
    begun: Callable[[Path], float] = lambda folder: 0.0  # share done by an attempt that stopped

    @property
    def kind(self) -> str:
        return self.name.split(".")[0]


class Work:
    """What a running stage is given."""

    def __init__(self, folder: Path, folders: Mapping[str, Path],
                 results: Mapping[str, Dict[str, Any]],
                 tell: Callable[[float, str], None] = lambda share, text: None,
                 should_stop: Callable[[], bool] = lambda: False) -> None:
        self.folder = folder            # the stage's own; what an earlier attempt left is in it
        self.folders = folders          # of the stages needed, by name
        self.results = results          # likewise
        self.tell = tell                # share done in 0 … 1, and a few words
        self.should_stop = should_stop  # true when the time is over: save and raise Stopped


class Stopped(Exception):
    """A stage has saved what it did because the time was over."""


def key_of(stage: Stage, keys: Mapping[str, str]) -> str:
    """The stage's key, given those of the stages it needs."""
    text = json.dumps(
        {"kind": stage.kind, "inputs": stage.inputs, "needs": [keys[name] for name in stage.needs]},
        sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def keys_of(stages: Iterable[Stage]) -> Dict[str, str]:
    """The keys of all stages by name; each needs only stages before it."""
    keys: Dict[str, str] = {}
    for stage in stages:
        missing = [name for name in stage.needs if name not in keys]
        if missing or stage.name in keys:
            raise ValueError(f"stage {stage.name}: " + (
                f"needs {', '.join(missing)}, which is not before it" if missing else "is twice"))
        keys[stage.name] = key_of(stage, keys)
    return keys


def choose(stages: List[Stage], only: Iterable[str]) -> List[Stage]:
    """The stages whose names have one of the given dotted parts, and all that they need."""
    wanted = [each for each in only if each]
    parts = {name: set(name.split(".")) | {name} for name in (stage.name for stage in stages)}
    unknown = [each for each in wanted if not any(each in found for found in parts.values())]
    if unknown:
        known = sorted({part for stage in stages for part in stage.name.split(".")})
        raise ValueError(f"no stage {', '.join(unknown)}; parts of names: {', '.join(known)}")
    chosen = {stage.name for stage in stages
              if not wanted or any(each in parts[stage.name] for each in wanted)}
    for stage in reversed(stages):  # needs come before
        if stage.name in chosen:
            chosen.update(stage.needs)
    return [stage for stage in stages if stage.name in chosen]
