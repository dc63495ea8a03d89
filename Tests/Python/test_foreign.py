"""A file met where it does not belong is named at every door, with what is expected there."""

import gzip
import io
import json
import os
import pickle
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

import scrl
import torch_writer
from conftest import needs_library, python, small
from scrl import _abi


def picture(form):
    room = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(room, form)
    return room.getvalue()


def zipped(name):
    room = io.BytesIO()
    with zipfile.ZipFile(room, "w") as file:
        file.writestr(name, b"x")
    return room.getvalue()


def saved(write, *values, **named):
    room = io.BytesIO()
    write(room, *values, **named)
    return room.getvalue()


def tarred():
    room = io.BytesIO()
    with tarfile.open(fileobj=room, mode="w") as file:
        file.addfile(tarfile.TarInfo("x"))
    return room.getvalue()


def safetensors():
    head = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(head)) + head + bytes(4)


FILES = {  # name → bytes, what it is called
    "empty": (b"", "is empty"),
    "jpeg": (picture("JPEG"), "is a JPEG picture"), "png": (picture("PNG"), "is a PNG picture"),
    "tiff": (picture("TIFF"), "is a TIFF picture"), "webp": (picture("WEBP"), "is a WebP picture"),
    "gif": (picture("GIF"), "is a GIF picture"), "bmp": (picture("BMP"), "is a BMP picture"),
    "safetensors": (safetensors(), "is a safetensors file"),
    "onnx": (b"\x08\x07\x12\x07pytorch" + b"\x1a\x051.0.0" + bytes(40), "is an ONNX model"),
    "npy": (saved(np.save, np.zeros(3)), "is a NumPy array (.npy)"),
    "npz": (saved(np.savez, x=np.zeros(3)), "is a NumPy archive (.npz)"),
    "zip": (zipped("readme.txt"), "is a ZIP archive"), "gzip": (gzip.compress(b"x"), "is a gzip archive"),
    "tar": (tarred(), "is a tar archive"), "pickle": (pickle.dumps({"a": 1}), "is a Python pickle"),
    "json": (b' {"images": []}', "is JSON text"), "results": (b"[1, 2]", "is JSON text"),
    "html": (b"\n<!DOCTYPE html><html><body>404", "is an HTML page"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "is a Git LFS pointer"),
    "xml": (b"<annotation><folder>x</folder></annotation>", "is a Pascal VOC annotation"),
    "text": (b"just some words\n", "is a text"), "pdf": (b"%PDF-1.7\n", "is a PDF document"),
    "junk": (b"\x01\x02\x03\xff\xfe\x80\x81\x82 junk", "is of no known format (begins with 01 02 03 ff"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("foreign")
    for name, (content, _) in FILES.items():
        (folder / name).write_bytes(content)
    values = torch_writer.tensors({"a": np.zeros(2, np.float32)})
    torch_writer.write_zip(folder / "torch", values)
    torch_writer.write_legacy(folder / "torch_old", values)
    with scrl.Model(small()) as model:
        model.save(folder / "checkpoint")
    (folder / "dataset").write_bytes(data.read_bytes())
    (folder / "folder").mkdir()
    return folder


NAMES = {**{name: called for name, (_, called) in FILES.items()}, "torch": "is a PyTorch file",
         "torch_old": "is a PyTorch file"}

DOORS = {  # what opens a file → how, what it wants, what it takes
    "Dataset": (scrl.Dataset, "a dataset of libscrl", {"dataset"}),
    "Trainer(dataset)": (lambda path: scrl.Trainer(small(), path), "a dataset of libscrl", {"dataset"}),
    "Model.load": (scrl.Model.load, "", {"checkpoint"}),
    "load_weights": (scrl.load_weights, "a checkpoint of libscrl or a file of torch.save", {"checkpoint"}),
    "Detector.load": (scrl.Detector.load, "a checkpoint of libscrl", {"checkpoint"}),
    "Trainer.resume": (scrl.Trainer.resume, "a checkpoint of libscrl", {"checkpoint"}),
    "Detector.resume": (scrl.Detector.resume, "a checkpoint of libscrl", {"checkpoint"}),
}
BINARY = [name for name in NAMES if name not in ("empty", "json", "results", "text", "junk")]


@needs_library
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("door", DOORS)
def test_every_door_names_what_it_is_given(place, door, name):
    opened, wanted, _ = DOORS[door]
    with pytest.raises(scrl.FormatError) as told:
        opened(place / name)
    if name.startswith("torch") and door in ("Model.load", "load_weights"):
        assert "names are" in str(told.value)  # it is read, and holds no network
        return
    if name == "pickle" and door in ("Model.load", "load_weights"):
        assert "a pickle, expected one of torch.save" in str(told.value)
        return
    assert NAMES[name] in str(told.value) and str(place / name) in str(told.value)
    assert "· expected " + wanted in str(told.value)


CURES = [
    ("Dataset", "jpeg", "`scrl pack` makes one of a folder of pictures"),
    ("Dataset", "json", "--annotations"), ("Dataset", "lfs", "git lfs pull"),
    ("Dataset", "html", "the download"), ("Dataset", "gzip", "unpack it"),
    ("Dataset", "checkpoint", "are two paths exchanged?"),
    ("Model.load", "dataset", "are two paths exchanged?"),
    ("Detector.load", "dataset", "are two paths exchanged?"),
    ("load_weights", "safetensors", "safetensors.torch.load_file"),
    ("Model.load", "safetensors", "safetensors.torch.load_file"),
    ("Detector.load", "torch", "load_weights() and Model.load() read it"),
    ("load_weights", "onnx", "torch.save()"), ("load_weights", "empty", "copied to its end"),
]


@needs_library
@pytest.mark.parametrize("door, name, cure", CURES)
def test_the_cure_is_told(place, door, name, cure):
    with pytest.raises(scrl.FormatError) as told:
        DOORS[door][0](place / name)
    assert cure in str(told.value)


@needs_library
@pytest.mark.parametrize("door", DOORS)
def test_a_folder_a_missing_file_and_a_pipe_are_told_apart(place, door):
    opened, wanted, _ = DOORS[door]
    with pytest.raises(scrl.StorageError, match="No such file"):
        opened(place / "missing")
    with pytest.raises(scrl.Error) as told:
        opened(place / "folder")
    assert "folder" in str(told.value) and "expected" in str(told.value)


@needs_library
@pytest.mark.parametrize("name", [*BINARY, "dataset", "checkpoint"])
def test_annotations_of_another_format_are_named(place, scenes, tmp_path, name):
    called = NAMES.get(name, "is an HDF5 file")
    with pytest.raises(scrl.FormatError, match="expected JSON") as told:
        scrl.pack(scenes, tmp_path / "d.h5", annotations=place / name, progress=False)
    assert called in str(told.value) and str(place / name) in str(told.value)
    with pytest.raises(scrl.FormatError, match="expected JSON") as told:
        scrl.coco.evaluate({"images": [], "categories": [], "annotations": []}, place / name)
    assert called in str(told.value)


@needs_library
@pytest.mark.parametrize("name", [*NAMES, "folder", "missing"])
@pytest.mark.parametrize("command", [
    ["info", "{}"], ["eval", "knn", "--checkpoint", "checkpoint", "--train", "{}"],
    ["eval", "health", "--checkpoint", "{}", "--data", "dataset"]])
def test_commands_name_it_on_one_line(place, monkeypatch, command, name):
    monkeypatch.chdir(place)
    done = python("-m", "scrl", *(name if part == "{}" else part for part in command))
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("scrl: ") and name in done.stderr
    if name in BINARY and not name.startswith("torch") and name != "pickle":
        assert NAMES[name] in done.stderr


@needs_library
def test_hdf5_files_of_others_are_named(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["x"] = np.zeros(3)
    with h5py.File(tmp_path / "keras.h5", "w") as file:
        file.attrs["keras_version"] = "2.4.0"
        file.create_group("model_weights")
    with h5py.File(tmp_path / "renamed.h5", "w") as file:
        file.attrs["format"] = "libscrl dataset"
    for opened in (scrl.Dataset, scrl.Model.load, scrl.load_weights, scrl.Detector.load):
        with pytest.raises(scrl.FormatError, match="an HDF5 file of another program"):
            opened(tmp_path / "plain.h5")
        with pytest.raises(scrl.FormatError, match="a Keras HDF5 file"):
            opened(tmp_path / "keras.h5")
        with pytest.raises(scrl.FormatError, match="no text of fixed length"):
            opened(tmp_path / "renamed.h5")


@needs_library
def test_paths_of_wrong_types_are_one_error(data):
    for opened in (scrl.Dataset, scrl.Model.load, scrl.load_weights, scrl.Detector.load):
        for wrong in (5, None, 1.5, ["x"], io.BytesIO(b"x")):
            with pytest.raises(scrl.ArgumentError, match="path: got "):
                opened(wrong)
        with pytest.raises(scrl.ArgumentError, match="NUL"):
            opened("a\0b")
    for path in (str(data), data, bytes(data)):
        with scrl.Dataset(path) as dataset:
            assert len(dataset) == 24
    with open(data, "rb") as file, pytest.raises(scrl.ArgumentError, match="as .name"):
        scrl.Dataset(file)


@needs_library
def test_descriptions_of_files(place, tmp_path):
    assert _abi.described(place / "dataset") == "is a libscrl dataset"
    assert _abi.described(place / "checkpoint") == "is a libscrl checkpoint"
    strange = tmp_path / "x"
    strange.write_bytes(picture("PNG"))
    raw = bytes(tmp_path) + b"/\xff\xfe"
    os.rename(strange, raw)
    assert _abi.described(raw, "dataset").startswith("is a PNG picture · expected a dataset")
    with pytest.raises(scrl.ArgumentError, match="expected one of dataset"):
        _abi.described(raw, "nonsense")


@needs_library
def test_metrics_name_the_file_that_is_none(place):
    truth = {"images": [], "categories": [], "annotations": []}
    with pytest.raises(scrl.FormatError) as told:
        scrl.coco.evaluate(place / "zip", [])
    assert f"read ground truth {place / 'zip'}: is a ZIP" in str(told.value)
    with pytest.raises(scrl.FormatError) as told:
        scrl.coco.evaluate(truth, place / "zip")
    assert f"read detections {place / 'zip'}: is a ZIP" in str(told.value)
