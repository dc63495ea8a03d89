"""Weights of others: official SCRL/BYOL checkpoints and torchvision's ResNets, under our names.

Official files are a dict with a state dict for each network. Their encoder is the sequence of a
ResNet's children and their heads are sequences too, so names are numbers: `_NETWORK` and `_HEAD`
say which. Not here: the file formats (pth.py), writing into a model (weights.py).
"""

import os
from functools import partial
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Tuple

import numpy as np

from . import _abi, pth
from ._abi import PathLike
from .errors import FormatError, OutOfMemoryError, StorageError
from .pickled import shown
from .weights import PREFIX, StateDict

_NETWORK = {
    "encoder.0": "encoder.conv1", "encoder.1": "encoder.bn1", "encoder.4": "encoder.layer1",
    "encoder.5": "encoder.layer2", "encoder.6": "encoder.layer3", "encoder.7": "encoder.layer4",
    "projector.net.0": "projector.fc1", "projector.net.1": "projector.bn",
    "projector.net.3": "projector.fc2",
}
_HEAD = {"net.0": "fc1", "net.1": "bn", "net.3": "fc2"}
_OFFICIAL = (  # key of the checkpoint, what our names begin with, its modules → ours
    ("online_network_state_dict", "online.", _NETWORK),
    ("target_network_state_dict", "target.", _NETWORK),
    ("predictor_state_dict", "predictor.", _HEAD),
    ("evaluator_state_dict", "", {"linear": "probe"}),
)
_BLOCKS = {  # blocks of the four layers, convolutions of a block
    "resnet18": ((2, 2, 2, 2), 2), "resnet34": ((3, 4, 6, 3), 2),
    "resnet50": ((3, 4, 6, 3), 3), "resnet101": ((3, 4, 23, 3), 3),
}
_TORCH = ("is a PyTorch file", "is a Python pickle")
_WEIGHTS = (".weight", ".bias", ".running_mean", ".running_var")


class Weights(StateDict):
    """Weights from a file, float32 by canonical name; also found by a backbone's bare names.

    source  "official", "torchvision" or "libscrl".
    arch    "resnet18", "resnet34", "resnet50", "resnet101"; None: the shapes are none of these.
    head    (hidden, output) of the projector; None without one.
    """

    def __init__(self, values: Mapping[str, np.ndarray], source: str) -> None:
        super().__init__(values)
        self.source = source
        self.arch = _architecture(self)
        self.head = _head(self)


def load_foreign(path: PathLike) -> Weights:
    """Weights of a file of torch.save. Raises StorageError, FormatError naming what is wrong."""
    raw = _abi.path_bytes(path)
    text = os.fsdecode(raw)
    try:
        if not pth.looks_like(pth.begins(raw)):
            raise FormatError(_abi.described(raw, "weights"))
        with pth.TorchFile(raw) as file:
            return _foreign(file)
    except FormatError as error:
        told = _abi.described(raw, "weights")
        if not told.startswith(_TORCH):  # a zip or pickle of another program
            error = FormatError(told)
        raise FormatError(f"load_weights {text}: {error}") from None
    except OSError as error:
        raise StorageError(f"load_weights {text}: {error.strerror or error}") from None
    except MemoryError:
        raise OutOfMemoryError(f"load_weights {text}: its weights need more memory than there is, "
                               "expected to find it") from None


def is_foreign(path: PathLike) -> bool:
    """Whether a path is a file that torch.save may have written."""
    try:
        return pth.looks_like(pth.begins(_abi.path_bytes(path)))
    except OSError:
        return False


def _foreign(file: pth.TorchFile) -> Weights:
    value = file.value
    if type(value) is not dict:
        raise FormatError(f"the file holds a {_kind(value)}, expected a dict of weights")
    values: Dict[str, np.ndarray] = {}
    if "online_network_state_dict" in value:
        for key, prefix, modules in _OFFICIAL:
            part = value.get(key, {})
            if type(part) is not dict:
                raise FormatError(f"{key} is a {_kind(part)}, expected a state dict")
            _read(file, values, part, key, partial(_official_name, prefix, modules))
        return Weights(values, "official")
    for key in ("state_dict", "model"):
        if type(value.get(key)) is dict:
            value = value[key]
            break
    if "conv1.weight" not in map(_bare, value):
        names = ", ".join(shown(name) for name in list(value)[:3]) or "none"
        raise FormatError(f"the file's names are {names} …, expected "
                          "online_network_state_dict, or conv1.weight and the rest of a ResNet")
    _read(file, values, value, "", _torchvision_name)
    return Weights(values, "torchvision")


def _read(file: pth.TorchFile, values: Dict[str, np.ndarray], state: Mapping[str, Any], part: str,
          ours: Callable[[str], str]) -> None:
    """Adds a state dict's weights to `values`, under our names."""
    for given, tensor in state.items():
        name = _bare(given)
        if not name.endswith(_WEIGHTS):
            continue  # num_batches_tracked, and the facts that some keep beside the weights
        where = shown(f"{part}/{given}" if part else given)
        if type(tensor) is not pth.Tensor:
            raise FormatError(f"{where} is a {_kind(tensor)}, expected a tensor")
        name = ours(name)
        if name in values:
            raise FormatError(f"{where} is a second {shown(name)}, expected one")
        values[name] = file.array(tensor, where)


def _bare(name: str) -> str:
    """The name without what DistributedDataParallel puts before it."""
    return name[len("module."):] if name.startswith("module.") else name


def _official_name(prefix: str, modules: Mapping[str, str], name: str) -> str:
    """Unknown names stay behind the prefix, for load_state_dict() to judge."""
    parts = name.split(".", 3)
    for depth in (1, 2, 3):
        ours = modules.get(".".join(parts[:depth]))
        if ours is not None and len(parts) > depth:
            return prefix + ".".join([ours, *parts[depth:]])
    return prefix + name


def _torchvision_name(name: str) -> str:
    return name if name.startswith("fc.") else PREFIX + name


def _kind(value: Any) -> str:
    return shown(value.name) if isinstance(value, pth.Inert) else type(value).__name__


def _convolutions(arch: str) -> Iterable[Tuple[str, Tuple[int, ...]]]:
    """Name and shape of each convolution of an architecture, as torchvision builds it."""
    blocks, depth = _BLOCKS[arch]
    yield "conv1.weight", (64, 3, 7, 7)
    before = 64
    for layer, count in enumerate(blocks):
        width = 64 << layer
        after = width * 4 if depth == 3 else width
        for block in range(count):
            at = f"layer{layer + 1}.{block}."
            if depth == 3:
                yield at + "conv1.weight", (width, before, 1, 1)
                yield at + "conv2.weight", (width, width, 3, 3)
                yield at + "conv3.weight", (after, width, 1, 1)
            else:
                yield at + "conv1.weight", (width, before, 3, 3)
                yield at + "conv2.weight", (width, width, 3, 3)
            if block == 0 and before != after:
                yield at + "downsample.0.weight", (after, before, 1, 1)
            before = after


def _architecture(values: Mapping[str, np.ndarray]) -> Optional[str]:
    """The architecture with just these convolutions in the online encoder."""
    found = {name[len(PREFIX):]: value.shape for name, value in values.items()
             if name.startswith(PREFIX) and value.ndim == 4}
    return next((arch for arch in _BLOCKS if dict(_convolutions(arch)) == found), None)


def _head(values: Mapping[str, np.ndarray]) -> Optional[Tuple[int, int]]:
    shapes: List[Tuple[int, ...]] = [
        values[name].shape
        for name in ("online.projector.fc1.weight", "online.projector.fc2.weight")
        if name in values]
    if len(shapes) == 2 and all(len(shape) == 2 for shape in shapes) \
            and shapes[0][0] == shapes[1][1]:
        return shapes[0][0], shapes[1][0]
    return None
