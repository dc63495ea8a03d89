"""load_weights: files of torch.save, whole, old, strange and hostile.

Files made by torch itself are in Tests/Fixtures/weights (make_weights.py); others are written here.
"""

import lzma
import os
import pickle
import pickletools
import struct
import sys
import time
import tracemalloc
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

import scrl
from conftest import REPOSITORY, SMALL, needs_library, python, small
from torch_writer import Named, Storage, Tensor, pickled, tensors, write_legacy, write_zip

FIXTURES = REPOSITORY / "Tests" / "Fixtures"
NUMBERED = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}


def unpacked(folder, name):
    path = folder / name
    path.write_bytes(lzma.decompress((FIXTURES / "weights" / f"{name}.xz").read_bytes()))
    return path


def expected(name):
    """What a fixture holds, by our names."""
    values = np.load(FIXTURES / "weights" / f"{name}.npy").astype(np.float32) / 8
    result, at = {}, 0
    for line in (FIXTURES / "weights" / f"{name}.txt").read_text().splitlines():
        key, *shape = line.split(" ")
        shape = tuple(map(int, shape))
        result[key] = values[at:at + int(np.prod(shape))].reshape(shape)
        at += result[key].size
    assert at == values.size
    return result


def official_name(name):
    """ "encoder.layer1.0.bn1.weight" → "encoder.4.0.bn1.weight" """
    first, second, rest = name.split(".", 2)
    return f"encoder.{NUMBERED[second]}.{rest}" if first == "encoder" else \
        f"projector.net.{ {'fc1': 0, 'bn': 1, 'fc2': 3}[second]}.{rest}"


def official_state(values):
    """A network's state dict under the official names, with num_batches_tracked."""
    result = OrderedDict()
    for name, value in values.items():
        result[official_name(name)] = value
        if name.endswith("running_var"):
            key = official_name(name).replace("running_var", "num_batches_tracked")
            result[key] = np.array(7, np.int64)
    return result


def assert_same(weights, wanted):
    assert set(weights) == set(wanted)
    for name, value in wanted.items():
        assert weights[name].dtype == np.float32 and weights[name].flags.c_contiguous
        assert weights[name].shape == value.shape, name
        np.testing.assert_array_equal(weights[name], value, err_msg=name)


# ------------------------------------------------------------------ files of torch

@pytest.mark.parametrize("name", ["official.pth", "official_legacy.pth"])
def test_an_official_checkpoint_has_every_weight_under_our_names(tmp_path, name):
    weights = scrl.load_weights(unpacked(tmp_path, name))
    assert_same(weights, expected("official"))
    assert (weights.source, weights.arch, weights.head) == ("official", None, (6, 4))
    assert isinstance(weights, scrl.Weights)
    assert weights["layer1.0.conv1.weight"] is weights["online.encoder.layer1.0.conv1.weight"]


@pytest.mark.parametrize("name", ["kinds.pth", "kinds_legacy.pth"])
def test_types_strides_and_shared_storages(tmp_path, name):
    weights = scrl.load_weights(unpacked(tmp_path, name))
    assert_same(weights, expected("kinds"))
    assert (weights.source, weights.arch, weights.head) == ("torchvision", None, None)


def test_the_arrays_are_the_callers_own(tmp_path):
    path = unpacked(tmp_path, "kinds.pth")
    weights, again = scrl.load_weights(path), scrl.load_weights(path)
    path.write_bytes(b"")
    for name in weights:
        weights[name][...] = 99
    assert_same(again, expected("kinds"))


@pytest.mark.parametrize("arch", ["resnet18", "resnet34", "resnet50", "resnet101"])
def test_the_architecture_is_known_by_its_shapes(arch):
    shapes = {}
    for line in (FIXTURES / "nn" / f"{arch}.txt").read_text().splitlines():
        name, *shape = line.split(" ")
        shapes["online.encoder." + name] = tuple(map(int, shape))
    values = {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}
    assert scrl.Weights(values, "torchvision").arch == arch
    name = "online.encoder.layer3.1.conv2.weight"
    for change in (np.zeros((3, 3, 3, 3)), None):
        other = {key: value for key, value in values.items() if key != name}
        other.update({} if change is None else {name: change})
        assert scrl.Weights(other, "torchvision").arch is None


def old_tensor(key, array, size=None):
    """As torch 0.1 wrote one: an empty tensor, then its state."""
    class Old:
        def __reduce_ex__(self, protocol):
            whole = Tensor(Storage(key, array), size)
            return Named("torch", "FloatTensor"), (), (whole.storage, 0, whole.size, whole.stride)
    return Old()


def reduced(function, arguments, state=None):
    class Reduced:
        def __reduce_ex__(self, protocol):
            return function, arguments, state
    return Reduced()


def test_layouts_of_old_versions(tmp_path):
    values = [np.arange(12, dtype=np.float32).reshape(3, 4) + n for n in range(3)]
    first = Tensor(Storage("a", values[0]))
    python2 = reduced(Named("collections", "OrderedDict"), ([
        ["conv1.weight", reduced(Named("torch._utils", "_rebuild_tensor"),
                                 (first.storage, 0, first.size, first.stride))],
        ["bn1.weight", old_tensor("b", values[1])],
        ["bn1.bias", reduced(Named("torch.nn.parameter", "Parameter"), (
            old_tensor("c", values[2]),), (True, False, OrderedDict()))],
    ],))
    for path in (write_zip(tmp_path / "z.pth", python2), write_legacy(tmp_path / "l.pth", python2)):
        assert_same(scrl.load_weights(path), {
            "online.encoder." + name: value
            for name, value in zip(["conv1.weight", "bn1.weight", "bn1.bias"], values)})


def test_a_legacy_view_of_a_storage_is_shifted_by_it(tmp_path):
    class Viewed(Storage):
        pass

    whole = np.arange(10, dtype=np.float32)
    data, storages = pickled({"conv1.weight": Tensor(Storage("k", whole), (3,), (2,), 1)})
    for view, right in [((4, 6), whole[[5, 7, 9]]), ((4, 5), None), ((5, 6), None)]:
        # ("storage", class, key, "cpu", 10) becomes (…, 10, ("v", shift, count))
        tail = pickle.dumps(("v", *view), 2)[2:-1]
        assert data.count(b"K\x0at") == 1
        path = write_legacy(tmp_path / "v.pth", storages=storages.values(),
                            data=data.replace(b"K\x0at", b"K\x0a" + tail + b"t"))
        if right is None:
            with pytest.raises(scrl.FormatError):
                scrl.load_weights(path)
        else:
            np.testing.assert_array_equal(scrl.load_weights(path)["conv1.weight"], right)


# ------------------------------------------------------------------ into a model

def opcodes(data):
    """The program of a pickle, blind for texts, names and whether they are remembered."""
    texts = ("BINUNICODE", "GLOBAL", "BINGET", "LONG_BINGET")
    return ["value" if op.name in texts else (op.name, argument)
            for op, argument, _ in pickletools.genops(data) if "BINPUT" not in op.name]


def test_this_files_writer_writes_what_torch_does(tmp_path):
    online = {name[len("online."):]: value for name, value in expected("official").items()
              if name.startswith("online.")}
    ours, _ = pickled({"tag": "1", "epoch": 1, "max_eval_score": 12.5, "max_eval_epoch": 1,
                       "online_network_state_dict": tensors(official_state(online))})
    with zipfile.ZipFile(unpacked(tmp_path, "official.pth")) as archive:
        torchs = opcodes(archive.read("archive/data.pkl"))
    ours = opcodes(ours)
    assert len(ours) > 2000 and ours[-2:] == [("SETITEMS", None), ("STOP", None)]
    assert ours[:-2] == torchs[:len(ours) - 2]


@pytest.fixture(scope="module")
def resnet18(tmp_path_factory):
    """(a model with weights and statistics of its own, an official checkpoint of it)

    As many threads as a model has that is loaded from such a file: only then are features the same bytes.
    """
    rng = np.random.default_rng(1)
    model = scrl.Model(small(threads=0))
    state = {name: value + rng.uniform(0, 0.2, value.shape).astype(np.float32)
             if value.ndim == 1 else value for name, value in model.state_dict().items()}
    model.load_state_dict(state)
    network = {name[len("online."):]: value for name, value in state.items()}
    for name, shape in {"fc1.weight": (64, 512), "fc1.bias": (64,), "bn.weight": (64,),
                        "bn.bias": (64,), "bn.running_mean": (64,), "bn.running_var": (64,),
                        "fc2.weight": (32, 64)}.items():
        network["projector." + name] = rng.uniform(0, 1, shape).astype(np.float32)
    saved = tensors(official_state(network))
    head = tensors({"net.3.weight": np.ones((32, 64), np.float32)})
    for index, tensor in enumerate(head.values()):
        tensor.storage.key = f"head{index}"
    path = tmp_path_factory.mktemp("official") / "scrl.pth"
    write_zip(path, {
        "tag": "9", "epoch": 9, "max_eval_score": 0.0, "max_eval_epoch": 0,
        "online_network_state_dict": OrderedDict(("module." + k, v) for k, v in saved.items()),
        "target_network_state_dict": saved, "predictor_state_dict": head,
        "optimizer_state_dict": {"state": {0: {"momentum_buffer": None}}, "param_groups": []},
        "scaler_state_dict": {}})
    return model, path


@needs_library
def test_features_of_an_official_checkpoint_are_the_models_own(resnet18, rng):
    model, path = resnet18
    images = rng.standard_normal((2, 3, 64, 64)).astype(np.float32)
    weights = scrl.load_weights(path)
    assert (weights.source, weights.arch, weights.head) == ("official", "resnet18", (64, 32))
    with scrl.Model(small(seed=5, threads=0)) as other, scrl.Model.load(path) as loaded:
        other.load_state_dict(weights)
        for each in (other, loaded):
            np.testing.assert_array_equal(each.features(images), model.features(images))
        assert loaded.config["model.arch"] == "resnet18"
        assert str(loaded.config["roi.stage"]) == str(scrl.Config(preset="scrl-200ep")["roi.stage"])


@needs_library
def test_a_trainer_takes_what_the_file_has(resnet18):
    _, path = resnet18
    weights = scrl.load_weights(path)
    with scrl.Trainer(small()) as trainer:
        before = trainer.state_dict()
        trainer.load_state_dict(weights, strict=False)
        for name, value in trainer.state_dict().items():
            np.testing.assert_array_equal(value, weights.get(name, before[name]), err_msg=name)
    assert "online.projector.fc1.weight" in weights and "predictor.fc2.weight" in weights


@needs_library
def test_own_checkpoints_and_runs(tmp_path, data):
    config = scrl.Config(**{**SMALL, "train.steps": 1})
    with scrl.Trainer(config, data, out=tmp_path / "run") as trainer:
        trainer.fit(progress=False)
        trainer.save(tmp_path / "t.h5")
        online = {name: value for name, value in trainer.state_dict().items()
                  if name.startswith("online.encoder.")}
    for path in (tmp_path / "t.h5", tmp_path / "run", str(tmp_path / "run"),
                 os.fsencode(tmp_path / "run")):
        weights = scrl.load_weights(path)
        assert_same(weights, online)
        assert (weights.source, weights.arch, weights.head) == ("libscrl", "resnet18", None)


@needs_library
def test_the_command_takes_an_official_checkpoint(resnet18, data, tmp_path):
    pytest.importorskip("typer")
    _, path = resnet18
    done = python("-m", "scrl", "features", "--checkpoint", path, "--data", data,
                  "--out", tmp_path / "f.npy")
    assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "f.npy").shape == (24, 512)


@needs_library
def test_what_a_model_cannot_use_is_the_files_fault(tmp_path, resnet18):
    with pytest.raises(scrl.FormatError, match="no ResNet"):
        scrl.Model.load(unpacked(tmp_path, "official.pth"))
    model, _ = resnet18
    state = {name[len("online.encoder."):]: value for name, value in model.state_dict().items()}
    del state["bn1.running_var"]
    with pytest.raises(scrl.FormatError, match=r"missing online\.encoder\.bn1\.running_var"):
        scrl.Model.load(write_zip(tmp_path / "m.pth", tensors(state)))
    state["bn1.running_var"] = np.full(64, np.nan, np.float32)
    path = write_zip(tmp_path / "n.pth", tensors(state))
    assert np.isnan(scrl.load_weights(path)["bn1.running_var"]).all()
    with pytest.raises(scrl.FormatError, match="not finite"):
        scrl.Model.load(path)


# ------------------------------------------------------------------ not what it should be

def tiny():
    """A state dict of three tensors."""
    return tensors({"conv1.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
                    "bn1.weight": np.ones(2, np.float32), "fc.bias": np.zeros(3, np.float32)})


def refuse(path, match=None):
    """The file is refused with one of our errors, soon."""
    begun = time.process_time()
    with pytest.raises(scrl.Error, match=match) as caught:
        scrl.load_weights(path)
    assert time.process_time() - begun < 10
    assert str(path) in str(caught.value) and len(str(caught.value)) < 1000 + len(str(path))
    return caught.value


def zip_of(path, data, **more):
    return write_zip(path, tiny(), data_pkl=data, **more)


def test_things_that_are_no_checkpoint(tmp_path):
    def file(name, content):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    assert isinstance(refuse(tmp_path / "none.pth"), scrl.StorageError)
    for name, content in {"empty": b"", "png": b"\x89PNG\r\n\x1a\n" + bytes(99), "zip": b"PK\3\4",
                          "end": b"PK\3\4" + b"PK\5\6" * 4, "proto": b"\x80\2",
                          "text": b"conv1.weight", "hole": bytes(10_000)}.items():
        assert isinstance(refuse(file(name, content)), scrl.FormatError)
    refuse(file("other.pkl", pickle.dumps({"conv1.weight": 1}, 2)), "torch.save")
    os.mkfifo(tmp_path / "pipe")
    refuse(tmp_path / "pipe")
    with pytest.raises(scrl.ArgumentError):
        scrl.load_weights("a\0b")
    if os.geteuid() != 0:
        secret = file("secret", b"")
        secret.chmod(0)
        assert isinstance(refuse(secret), scrl.StorageError)


@needs_library
def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(scrl.Error):
        scrl.load_weights(tmp_path)
    with pytest.raises(scrl.Error):
        scrl.Model.load(tmp_path)


@pytest.mark.parametrize("value, match", [
    (17, "int"), (None, "NoneType"), ([1, 2], "list"), ({}, "none"), ({"a": 1, "b": 2}, "'a', 'b'"),
    ({"online_network_state_dict": "fake_state_dict"}, "is a str"),
    ({"conv1.weight": 1.5}, "is a float"), ({"state_dict": {"layer1.weight": 2}}, "layer1"),
    ({"conv1.weight": reduced(Named("numpy", "array"), ((1, 2),))}, "numpy.array"),
])
def test_values_that_are_no_weights(tmp_path, value, match):
    refuse(write_zip(tmp_path / "a.pth", value), match)
    refuse(write_legacy(tmp_path / "b.pth", value), match)


def test_names_that_meet_are_refused(tmp_path):
    one = Tensor(Storage("0", np.ones((1, 2), np.float32)))
    online = "online_network_state_dict"
    for state in ({"conv1.weight": one, "module.conv1.weight": one},
                  {online: {"encoder.0.weight": one, "encoder.conv1.weight": one}},
                  {online: {"encoder.0.weight": one},
                   "evaluator_state_dict": {"online.encoder.conv1.weight": one}}):
        refuse(write_zip(tmp_path / "a.pth", state), "second 'online.encoder.conv1.weight'")


def test_names_unknown_to_us_stay_for_the_loader_to_judge(tmp_path):
    one = Tensor(Storage("0", np.ones((1, 2), np.float32)))
    path = write_zip(tmp_path / "a.pth", {"online_network_state_dict": {"extra.net.weight": one}})
    assert list(scrl.load_weights(path)) == ["online.extra.net.weight"]


@pytest.mark.parametrize("entry, content, match", [
    ("data_pkl", None, "data.pkl"), ("data_pkl", b"", "pickle"),
    ("byteorder", b"big", "byte order"), ("version", b"11\n", "version"),
    ("version", b"\xff", "version"), ("data/0", None, "no bytes"),
    ("data/0", bytes(20), "20 bytes"), ("data/0", bytes(28), "28 bytes"),
])
def test_zips_with_wrong_entries(tmp_path, entry, content, match):
    refuse(write_zip(tmp_path / "a.pth", tiny(), **{entry: content}), match)


def test_a_big_endian_legacy_file_is_refused(tmp_path):
    path = write_legacy(tmp_path / "a.pth", tiny(), machine={"little_endian": False})
    refuse(path, "little-endian")


def test_zips_compressed_nested_doubled_or_overlapping(tmp_path):
    path = write_zip(tmp_path / "a.pth", tiny())
    plain = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    refuse(path, "compressed")
    with zipfile.ZipFile(path, "w") as archive:
        for root in ("one", "two"):
            archive.writestr(root + "/data.pkl", entries["archive/data.pkl"])
    refuse(path, "2 entries")
    # Two directory entries of one place: the second's name and size stay, its place is the first's.
    places = [at for at in range(len(plain)) if plain[at:at + 4] == b"PK\1\2"]
    for victim, place in [(3, places[2]), (2, places[3])]:
        changed = bytearray(plain)
        changed[places[victim] + 42:places[victim] + 46] = plain[place + 42:place + 46]
        path.write_bytes(changed)
        refuse(path, "overlap")
    for at, value in [(42, 0xFFFFFFF0), (42, len(plain)), (24, 0x7FFFFFFF)]:
        changed = bytearray(plain)
        changed[places[2] + at:places[2] + at + 4] = struct.pack("<I", value)
        path.write_bytes(changed)
        refuse(path)
    changed = bytearray(plain)
    changed[places[3] + 46:places[3] + 60] = b"archive/data/0"  # was archive/data/1
    path.write_bytes(changed)
    refuse(path, "twice")


HUGE = 2 ** 62


@pytest.mark.parametrize("offset, size, stride", [
    (0, (7,), (1,)), (1, (6,), (1,)), (6, (1,), (1,)), (-1, (2,), (1,)), (0, (-1,), (1,)),
    (0, (2,), (-1,)), (0, (2,), (6,)), (0, (2, 3), (1,)), (0, (2, 3), (3,)), (0, (7,), (0,)),
    (0, (3, 3), (1, 1)), (0, (0,), (1,)), (0, (HUGE, 0), (1, 1)), (0, (HUGE, HUGE), (0, 0)),
    (HUGE, (1,), (1,)), (0, (2,), (HUGE * HUGE,)), (0, (1,) * 33, (1,) * 33), (0, [6], (1,)),
    (0.0, (6,), (1,)), (False, (6,), (1,)), (0, (6.0,), (1,)), (0, None, (1,)), (None, (6,), (1,)),
])
def test_views_that_a_storage_does_not_hold(tmp_path, offset, size, stride):
    tensor = Tensor(Storage("0", np.arange(6, dtype=np.float32)), (6,), stride, offset)
    tensor.size = size
    refuse(write_zip(tmp_path / "a.pth", {"conv1.weight": tensor}), "conv1.weight")
    refuse(write_legacy(tmp_path / "b.pth", {"conv1.weight": tensor}), "conv1.weight")


@pytest.mark.parametrize("kind, count", [
    ("Float", 5), ("Float", 7), ("Float", -1), ("Float", HUGE), ("Double", 6), ("Odd", 6),
    ("Float", 2 ** 4000), ("Float", "6")])
def test_storages_that_a_file_does_not_hold(tmp_path, kind, count):
    storage = Storage("0", np.arange(6, dtype=np.float32), kind, count)
    state = {"conv1.weight": Tensor(storage, (2,), (1,))}
    refuse(write_zip(tmp_path / "a.pth", state))
    refuse(write_legacy(tmp_path / "b.pth", state))


def test_integers_are_no_weights(tmp_path):
    storage = Storage("0", np.arange(6))
    refuse(write_zip(tmp_path / "a.pth", {"conv1.weight": Tensor(storage)}), "Long")


def test_a_small_file_does_not_fill_the_memory_with_shared_tensors(tmp_path):
    storage = Storage("0", np.zeros(1 << 20, np.float32))
    state = {f"layer{n}.weight": Tensor(storage) for n in range(1000)}
    refuse(write_zip(tmp_path / "a.pth", {**state, "conv1.weight": Tensor(storage)}), "4 times")
    # Two elements far apart need all between them to be read.
    state = {name: Tensor(storage, (2,), ((1 << 20) - 1,)) for name in state}
    refuse(write_zip(tmp_path / "a.pth", {**state, "conv1.weight": Tensor(storage)}), "4 times")


# ------------------------------------------------------------------ hostile pickles

def test_nothing_in_a_file_is_executed_or_imported(tmp_path):
    marker = tmp_path / "marker"
    live = f"cos\nsystem\n(S'touch {marker}'\ntR.".encode()
    pickle.loads(live)
    assert marker.exists()  # the payload works where it is obeyed
    marker.unlink()
    command = f"X{{}}touch {marker}".encode().replace(
        b"{}", struct.pack("<I", len(f"touch {marker}")))
    for data in (live, b"\x80\2(" + live[:-1] + b"l.", b"\x80\4\x8c\2os\x8c\6system\x93" + command
                 + b"\x85R.", b"(S'touch " + str(marker).encode() + b"'\nios\nsystem\n.",
                 b"(cos\nsystem\n" + command + b"o.", b"cantigravity\nx\n)R."):
        refuse(zip_of(tmp_path / "a.pth", data))
        refuse(write_legacy(tmp_path / "b.pth", data=data))
        refuse(write_legacy(tmp_path / "b.pth", machine=None, data=b"\x80\2" + data))
        (tmp_path / "c.pth").write_bytes(b"\x80\2" + data)
        refuse(tmp_path / "c.pth")
    # Also beside weights that are read.
    data, _ = pickled({**tiny(), "x": reduced(Named("os", "system"), (f"touch {marker}",))})
    assert len(scrl.load_weights(zip_of(tmp_path / "a.pth", data))) == 3
    assert not marker.exists() and "antigravity" not in sys.modules


NESTED = 50_000
BOMBS = [
    b"]" * NESTED + b"a" * (NESTED - 1) + b".",           # a list in a list in a list …
    b")" + b"\x85" * NESTED + b".", b"(" * NESTED + b"t" * NESTED + b".",
    b"}" + b"X\1\0\0\0a}" * (NESTED // 2) + b"s" * (NESTED // 2) + b".",
    b")" + b"2\x86" * NESTED + b".",                      # (t, t) of (t, t) of …
    b")" + b"\x94h\0\x86" * 1000 + b".", b"]" * 500_000 + b".",
    b"}(" + b"".join(b"\x8a\x0a" + int((2 ** 61 - 1) * n).to_bytes(10, "little") + b"N"
                     for n in range(1, NESTED)) + b"u.",  # keys of one hash
    b"}(" + b")" + b"2\x86" * 1000 + b"Nu.",              # a key whose hash would never end
]


@pytest.mark.parametrize("data", BOMBS)
def test_bombs_are_refused_in_little_memory(tmp_path, data):
    path = zip_of(tmp_path / "a.pth", b"\x80\2}(X\x0c\0\0\0conv1.weight" + data[:-1] + b"u.")
    refuse(path)
    refuse(write_legacy(tmp_path / "b.pth", data=data))
    tracemalloc.start()
    try:
        whole_or_refused(path)
        # 400,000 opcodes make at most as many objects, of 72 bytes (an empty list) and a place in
        # the stack, which doubles when it grows; texts and numbers are as long as in the file.
        assert tracemalloc.get_traced_memory()[1] < 400_000 * 96 + 8 * len(data)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("data", [
    b"}r\xff\xff\xff\xff.", b"}p99999999999999999999\n.", b"}p-1\n.", b"j\xff\xff\xff\xff.",
    b"h\0.", b"0.", b"1.", b"t.", b"R.", b"b.", b"Q.", b"s.", b"2.", b".", b"(.", b"}(K\1u.",
    b"K\1K\2a.", b"K\1K\2K\3s.", b"NNR.", b"NN\x93.", b"P1\n.", b"\x82\1.", b"\x97.", b"\x98.",
    b"\x8b\xff\xff\xff\x7f.", b"\x8b\xff\xff\xff\xff.", b"X\xff\xff\xff\xff.",
    b"\x8d" + b"\xff" * 8 + b".", b"\x8e" + b"\xff" * 7 + b"\x7f.", b"B\xff\xff\xff\x7f.",
    b"T\xff\xff\xff\xff.", b"\x95" + b"\xff" * 8 + b".", b"I" + b"9" * 100_000 + b"\n.",
    b"L" + b"9" * 1000 + b"L\n.", b"V" + b"a" * 100_000, b"F1e999999999x\n.", b"S'a\n.",
    b"\x8b" + struct.pack("<i", 500_000) + bytes(499_999) + b"\1.",
    b"X\2\0\0\0\xff\xfe.", b"G\x7f\xf8.", b"c\xff\n\xfe\n)R.", b"ca b\nc d\n)R.",
    b"}q\0X\1\0\0\0ah\0s.", b"}q\0X\5\0\0\0modelh\0s.", b"]q\0h\0a.", b"(]q\0h\0h\0l.",
    b"ccollections\nOrderedDict\n(]q\0h\0atR.", b"ccollections\nOrderedDict\nK\1R.",
    b"ctorch._utils\n_rebuild_tensor_v2\n)R.", b"ctorch._utils\n_rebuild_parameter\n)R.",
    b"(X\7\0\0\0storageNNNNtQ.", b"(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0aNK\1K\2tQ.",
])
def test_hostile_pickles(tmp_path, data):
    for content in (data, b"\x80\2}(X\x0c\0\0\0conv1.weight" + data[:-1] + b"u."):
        refuse(zip_of(tmp_path / "a.pth", content))
        refuse(write_legacy(tmp_path / "b.pth", data=content))
    (tmp_path / "c.pth").write_bytes(b"\x80\2" + data)
    refuse(tmp_path / "c.pth")


def whole_or_refused(path):
    """A damaged file may still be one; it is never anything but weights or one of our errors."""
    try:
        weights = scrl.load_weights(path)
    except scrl.Error as error:
        assert str(path) in str(error)
        return False
    assert all(value.dtype == np.float32 for value in weights.values())
    assert sum(value.nbytes for value in weights.values()) < 8 * path.stat().st_size
    return True


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_every_cut_is_refused(tmp_path, write):
    path = write(tmp_path / "a.pth", tiny())
    whole = path.read_bytes()
    assert whole_or_refused(path)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert not whole_or_refused(path), length


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_every_changed_byte_is_weights_or_an_error(tmp_path, write):
    path = write(tmp_path / "a.pth", {"online_network_state_dict": tensors({
        "encoder.0.weight": np.ones((1, 2), np.float32), "encoder.1.weight": np.ones(2)})})
    whole = path.read_bytes()
    answers = []
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1:])
        answers.append(whole_or_refused(path))
    assert 0 < sum(answers) < len(answers)


@pytest.mark.parametrize("name", ["official.pth", "official_legacy.pth"])
def test_torchs_own_files_cut_or_changed_at_random(tmp_path, name, rng):
    path = unpacked(tmp_path, name)
    whole = path.read_bytes()
    for _ in range(20):
        path.write_bytes(whole[:rng.integers(len(whole))])
        assert not whole_or_refused(path)
        changed = bytearray(whole)
        for at in rng.integers(0, len(whole), 3):
            changed[at] = rng.integers(256)
        path.write_bytes(changed)
        whole_or_refused(path)
