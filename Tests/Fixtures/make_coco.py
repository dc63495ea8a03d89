"""Makes coco/figures.npz and coco/limits.npz: what pycocotools says of the problems of
coco_problems.py.

    PYTHONPATH=bindings/python python Tests/Fixtures/make_coco.py [limits]   (needs numpy, pycocotools)

Arrays: figures (P,12); classes (sum of K, 12), one problem after another; digests (P) CRC-32 of each
problem's JSON, so that a problem that is made otherwise somewhere is noticed as such; thresholds
(10) and recalls (101) of COCOeval. limits.npz: figures (L,P,12) of LIMITED_PROBLEMS with each of
LIMITS as params.maxDets; `limits` makes that file alone.
"""

import json
import sys
import zlib
from pathlib import Path

import numpy as np

from coco_problems import (
    FIXTURE_PROBLEMS, LIMITED_PROBLEMS, LIMITS, all_figures, class_figures, problem,
    pycocotools_figures,
)


def main() -> None:
    figures, classes, digests = [], [], []
    for number in range(FIXTURE_PROBLEMS):
        one = problem(number)
        made = pycocotools_figures(one)
        figures.append(made.stats)
        classes.append(class_figures(made))
        digests.append(zlib.crc32(json.dumps(one).encode()))
    path = Path(__file__).resolve().parent / "coco" / "figures.npz"
    np.savez_compressed(
        path, figures=np.array(figures), classes=np.concatenate(classes),
        digests=np.array(digests, np.uint32), thresholds=made.params.iouThrs,
        recalls=made.params.recThrs)
    table = np.array(figures)
    print(path.stat().st_size, "bytes; means", np.round(table.mean(axis=0), 3),
          "without an object", (table == -1).sum(axis=0))


def limits() -> None:
    figures = [[all_figures(pycocotools_figures(problem(number), each)) for number in LIMITED_PROBLEMS]
               for each in LIMITS]
    path = Path(__file__).resolve().parent / "coco" / "limits.npz"
    np.savez_compressed(path, figures=np.array(figures), limits=np.array(LIMITS))
    print(path.stat().st_size, "bytes")


if __name__ == "__main__":
    if sys.argv[1:] != ["limits"]:
        main()
    limits()
