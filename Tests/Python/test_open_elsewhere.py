"""Files that another program has open for writing, or left open: told, and read where they are whole."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

import scrl
from conftest import needs_library, python, small

h5py = pytest.importorskip("h5py")
pytestmark = needs_library

OPENINGS = {  # what the other program does; whether our seal stays
    "r+": "f = h5py.File(path, 'r+')",
    "a": "f = h5py.File(path, 'a')",
    "latest": "f = h5py.File(path, 'r+', libver='latest')",
    "unsaved attribute": "f = h5py.File(path, 'r+'); f.attrs['note'] = 1",
    "saved attribute": "f = h5py.File(path, 'r+'); f.attrs['note'] = 1; f.flush()",
    "flushed": "f = h5py.File(path, 'r+'); f.flush()",
    "raw data behind the end": "f = h5py.File(path, 'r+'); f['x'] = numpy.arange(100000)",
    "read only": "f = h5py.File(path, 'r')",
}


def opened_by_another(path, code):
    """The other program, with the file open."""
    other = subprocess.Popen(
        [sys.executable, "-c", f"import h5py, numpy, time\npath = {str(path)!r}\n{code}\n"
         "print('open', flush=True)\ntime.sleep(100)"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert other.stdout.readline() == b"open\n", other.stderr.read()
    return other


def notes_of(work):
    told = []
    scrl.set_log(told.append)
    try:
        return work(), told
    finally:
        scrl.set_log(None)


def third_version(path, out):
    """A dataset as another program has rewritten it, with a superblock of version 3."""
    with h5py.File(path, "r") as old, h5py.File(out, "w", libver=("v110", "v110")) as new:
        for key, value in old.attrs.items():
            new.attrs.create(key, value, dtype=old.attrs.get_id(key).dtype)
        for key in old:
            old.copy(key, new)


@pytest.mark.parametrize("way", OPENINGS)
@pytest.mark.parametrize("version", [2, 3])
def test_a_dataset_is_read_while_open_and_after_a_crash(data, tmp_path, way, version):
    path = tmp_path / "d.h5"
    if version == 3:
        third_version(data, path)
    else:
        shutil.copy(data, path)
    with scrl.Dataset(path) as dataset:
        images = [dataset[index] for index in range(len(dataset))]

    def read():
        with scrl.Dataset(path) as dataset:
            return [dataset[index] for index in range(len(dataset))]

    other = opened_by_another(path, OPENINGS[way])
    try:
        marked = path.read_bytes()[11] & 5
        found = [notes_of(read)]
    finally:
        other.kill()  # leaves the marks where they are
        other.wait()
    found.append(notes_of(read))
    for again, told in found:
        assert all((one == two).all() for one, two in zip(again, images)) and len(again) == len(images)
        assert any("another program has it open" in line for line in told) == bool(marked)
    assert bool(marked) == (way != "read only")


def test_swmr_writers_are_told_too(data, tmp_path):
    path = tmp_path / "d.h5"
    third_version(data, path)
    other = opened_by_another(path, "f = h5py.File(path, 'r+', libver='latest'); f.swmr_mode = True")
    try:
        with scrl.Dataset(path) as dataset:
            assert len(dataset) == 24
    finally:
        other.kill()
        other.wait()


def test_a_checkpoint_left_open_is_loaded(tmp_path):
    path = tmp_path / "m.h5"
    with scrl.Model(small()) as model:
        model.save(path)
        weights = model.state_dict()
    other = opened_by_another(path, "f = h5py.File(path, 'r+')")
    other.kill()
    other.wait()
    again, told = notes_of(lambda: scrl.Model.load(path))
    assert any("left it open" in line for line in told)
    assert all((again.state_dict()[name] == values).all() for name, values in weights.items())
    again.save(path)  # and it may be replaced: it is of the kind
    assert path.read_bytes()[11] == 0


def test_a_mark_hides_no_damage(data, tmp_path):
    path = tmp_path / "d.h5"
    shutil.copy(data, path)
    other = opened_by_another(path, "f = h5py.File(path, 'r+')")
    other.kill()
    other.wait()
    marked = path.read_bytes()
    rng = np.random.default_rng(3)
    refused = 0
    for place in rng.integers(48, 1500, 40):
        broken = bytearray(marked)
        broken[place] ^= 0x40
        path.write_bytes(broken)
        try:
            with scrl.Dataset(path) as dataset:
                dataset[0]
        except scrl.FormatError as error:
            refused += 1
            assert "another program has it open" in str(error) and "expected it to be closed" in str(error)
        except scrl.DataError:
            pass  # the bytes of an image
    assert refused > 5


def test_the_shell_tells_it(data, tmp_path):
    path = tmp_path / "d.h5"
    shutil.copy(data, path)
    other = opened_by_another(path, "f = h5py.File(path, 'r+')")
    try:
        done = python("-m", "scrl", "info", str(path))
    finally:
        other.kill()
        other.wait()
    assert done.returncode == 0 and "note: " in done.stderr and "another program" in done.stderr
