"""What is printed survives every encoding, width and ending of a terminal."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from conftest import PACKAGE_PARENT, needs_library

PLACES = {  # name → environment
    "ascii": {"PYTHONIOENCODING": "ascii"}, "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"}, "utf-8": {"PYTHONIOENCODING": "utf-8"},
    "ascii strict": {"PYTHONIOENCODING": "ascii:strict"}, "C": {"LC_ALL": "C"},
    "C without UTF-8": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "POSIX": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "narrow": {"COLUMNS": "1", "PYTHONIOENCODING": "ascii"}, "dumb": {"TERM": "dumb", "COLUMNS": "20"},
    "no colour": {"NO_COLOR": "1"}, "colour": {"FORCE_COLOR": "1", "PYTHONIOENCODING": "ascii"},
}
ENCODINGS = {"latin-1": "latin-1", "cp1252": "cp1252", "utf-8": "utf-8", "dumb": "utf-8",
             "no colour": "utf-8", "C": "utf-8"}


def shell(*arguments, where="utf-8", **more):
    clean = {key: value for key, value in os.environ.items()
             if not key.startswith(("LC_", "LANG", "PYTHON", "COLUMNS", "TERM", "NO_COLOR", "FORCE"))}
    environment = {**clean, "PYTHONPATH": PACKAGE_PARENT, **PLACES[where]}
    return subprocess.run(
        [sys.executable, "-m", "scrl", *map(os.fspath, arguments)], env=environment, timeout=120,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more})


COMMANDS = {
    "help": (0, ["--help"]), "pack help": (0, ["pack", "--help"]),
    "features help": (0, ["features", "--help"]), "coco help": (0, ["eval", "coco", "--help"]),
    "health help": (0, ["eval", "health", "--help"]), "detect help": (0, ["detect", "eval", "--help"]),
    "config": (0, ["config"]), "config json": (0, ["config", "--json"]),
    "usage": (2, ["pack", "x", "--out", "y", "--labels", "–…±×☃"]), "failure": (1, ["info", "/no/☃\udcff"]),
}


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("name", COMMANDS)
def test_commands_print_everywhere(name, where):
    code, arguments = COMMANDS[name]
    done = shell(*map(os.fsencode, arguments), where=where)
    if code != 2 and b"libscrl.so.0 was not found" in done.stderr:
        pytest.skip("libscrl.so.0 is not built")
    assert done.returncode == code, done.stderr
    assert (done.stdout if code == 0 else done.stderr).strip()
    assert b"unexpected" not in done.stderr and b"Error" not in done.stderr
    for raw in (done.stdout, done.stderr):
        raw.decode(ENCODINGS.get(where, "ascii"))


@needs_library
@pytest.mark.parametrize("where", PLACES)
def test_tables_lines_and_notes_print_everywhere(tmp_path, data, where):
    folder = tmp_path / "photos"
    for name in ("Hund–…±×☃", os.fsdecode(b"\xff\xfe"), "\x1b[31mrot"):
        (folder / name).mkdir(parents=True)
        Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(folder / name / "1.jpg")
    (folder / "kaputt ☃.jpg").write_bytes(b"no picture")
    done = shell("pack", folder, "--out", tmp_path / "d.h5", "--labels", "folders",
                 "--allow-loss", where=where)
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode(ENCODINGS.get(where, "ascii"))
    assert "kaputt" in text and "\x1b[31mrot" not in text
    done = shell("info", tmp_path / "d.h5", where=where)
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode(ENCODINGS.get(where, "ascii"))
    assert "\x1b[31mrot" not in text
    if where in ("ascii", "C without UTF-8"):
        assert "Hund-...+/-x\\u2603" in "".join(text.split())


def test_characters_that_are_missing_become_plain_ones():
    from scrl.cli import output

    assert output._PLAIN["–"] == "-"
    assert "1 – 2 … ± ☃ \udcff".encode("ascii", "scrl") == b"1 - 2 ... +/- \\u2603 \\xff"
    assert "ü – ☃".encode("latin-1", "scrl") == b"\xfc - \\u2603"


@needs_library
def test_a_reader_that_leaves_is_no_failure_to_tell():
    reader, writer = os.pipe()
    os.close(reader)
    done = shell("config", stdout=writer)
    os.close(writer)
    assert done.returncode == 1 and done.stderr == b""


@needs_library
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_behind_stdout_is_told():
    with open("/dev/full", "wb") as full:
        done = shell("config", stdout=full)
    assert done.returncode == 1 and done.stderr.count(b"\n") == 1
    assert b"No space left" in done.stderr and done.stderr.startswith(b"scrl: ")


@needs_library
@pytest.mark.parametrize("closed", ["1", "2", "0", "0 1 2"])
def test_closed_descriptors_are_no_files_of_ours(tmp_path, data, closed):
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(photos / "1.jpg")
    ends = " ".join(f"{number}>&-" if number != "0" else "0<&-" for number in closed.split())
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -m scrl pack "$1" --out "$2" {ends}', sys.executable, photos,
         tmp_path / "d.h5"], env={**os.environ, "PYTHONPATH": PACKAGE_PARENT}, timeout=60,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    import scrl

    with scrl.Dataset(tmp_path / "d.h5") as dataset:
        assert len(dataset) == 1 and dataset[0].shape == (40, 40, 3)
