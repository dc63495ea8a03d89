"""Stages that make pictures and pack them."""

import os
import shutil
from pathlib import Path
from typing import Any, Dict

import scrl
from scrl import synth

from .flow import Work
from .settings import Pictures

FILES = {"scenes": "images/*.jpg", "objects": "*/*.jpg"}


def make(work: Work, what: Pictures) -> Dict[str, Any]:
    """Renders into folder/pictures and packs into folder/data.h5: boxes of scenes, classes of
    centred objects."""
    target = work.folder / "pictures"
    if not (target / "annotations.json").exists():
        shutil.rmtree(target, ignore_errors=True)  # of an attempt that stopped
        synth.write(target, what.count, what.seed, what.mode, what.side, progress=False,
                    look=what.look)
    work.tell(0.8, f"{what.count} pictures rendered")
    data = work.folder / "data.h5"
    if what.mode == "scenes":
        packed = scrl.pack(target, data, annotations=target / "annotations.json", progress=False)
    else:
        packed = scrl.pack(target, data, labels="folders", progress=False)
    return _told(packed, data, what.count)


def join(work: Work) -> Dict[str, Any]:
    """One dataset, without labels, of the pictures of all stages needed."""
    files = []
    for folder in work.folders.values():
        for pattern in FILES.values():
            files += sorted((folder / "pictures").glob(pattern))
    data = work.folder / "data.h5"
    return _told(scrl.pack(sorted(set(files)), data, progress=False), data, len(set(files)))


def _told(packed: Any, data: Path, count: int) -> Dict[str, Any]:
    if packed.added != count:
        raise scrl.DataError(f"{data}: {packed.added} pictures were packed, expected {count}")
    return {"pictures": packed.added, "bytes": os.path.getsize(data)}
