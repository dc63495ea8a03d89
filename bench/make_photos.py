"""Photo-like pictures for both sides of the views benchmark: a dataset, and its JPEGs as files.

    python bench/make_photos.py FOLDER      FOLDER/photos.h5, FOLDER/00.jpg …
"""

import sys
from pathlib import Path

import scrl
from scrl.bench_views import make_photos


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    make_photos(folder / "photos.h5")
    with scrl.Dataset(folder / "photos.h5") as data:
        for index in range(len(data)):
            (folder / f"{index:02}.jpg").write_bytes(data.jpeg(index))


if __name__ == "__main__":
    main()
