"""State dicts: the names under which weights go in and out.

Canonical names are the library's ("online.encoder.conv1.weight"). A backbone also answers to
torchvision's ("conv1.weight") and to "encoder.conv1.weight". Values: numpy arrays, torch CPU tensors,
anything with __array__.
"""

from typing import Any, Dict, Iterable, List, Mapping, Tuple

import numpy as np

from . import _abi
from .errors import ArgumentError, ShapeError

PREFIX = "online.encoder."


class StateDict(Dict[str, np.ndarray]):
    """A dict of weights by canonical name that also finds a backbone's bare names."""

    def __missing__(self, name: str) -> np.ndarray:
        for prefix in (PREFIX, "online."):
            if dict.__contains__(self, prefix + str(name)):
                return dict.__getitem__(self, prefix + str(name))
        raise KeyError(name)


def _part_of_no_backbone(name: str) -> bool:
    """Names of whole networks that a backbone has no place for."""
    return (name.startswith(("fc.", "target.", "predictor.", "projector.", "probe.",
                             "classifier."))
            or ".projector." in name or ".predictor." in name
            or name.endswith("num_batches_tracked"))


def _names(values: Iterable[str], known: Mapping[str, Any], backbone: bool
           ) -> Tuple[Dict[str, str], List[str]]:
    """Canonical name → given name, and the names that mean nothing here."""
    found: Dict[str, str] = {}
    unknown = []
    for name in values:
        spellings = [name]
        if backbone:
            spellings += [PREFIX + name, "online." + name]
        canonical = next((each for each in spellings if each in known), None)
        if canonical is not None:
            if canonical not in found or name == canonical:
                found[canonical] = name
        elif not (_part_of_no_backbone(name) if backbone
                  else name.endswith("num_batches_tracked")):
            unknown.append(name)
    return found, unknown


def _few(names: List[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def read(handle: Any, noun: str) -> StateDict:
    """Every tensor of a model, trainer or detector, copied out."""
    with _abi.State(handle, noun) as state:
        return StateDict((name, state.read(name, shape)) for name, shape, _ in state.table())


def write(handle: Any, noun: str, values: Mapping[str, Any], strict: bool) -> None:
    """Copies tensors in, all or none: everything is checked before the first is written.

    strict: missing and unknown names are errors. Wrong shapes and values that are not finite always
    are. Raises ArgumentError, ShapeError naming them.
    """
    if not hasattr(values, "keys"):
        raise ArgumentError(f"load_state_dict: got {type(values).__name__}, expected a mapping")
    with _abi.State(handle, noun) as state:
        _write(state, values, strict, backbone=noun == "model")


def _write(state: _abi.State, values: Mapping[str, Any], strict: bool, backbone: bool) -> None:
    known = {name: shape for name, shape, _ in state.table()}
    found, unknown = _names([str(name) for name in values.keys()], known, backbone)
    missing = [name for name in known if name not in found]
    if strict and (missing or unknown):
        parts = [f"missing {_few(missing)}"] if missing else []
        parts += [f"unknown {_few(unknown)}"] if unknown else []
        raise ArgumentError("load_state_dict: " + "; ".join(parts))
    arrays = {}
    for canonical, given in found.items():
        array = np.ascontiguousarray(_abi.float_array(values[given], given))
        if array.shape != known[canonical] and array.size == 1 == np.prod(known[canonical]):
            array = array.reshape(known[canonical])
        if array.shape != known[canonical]:
            raise ShapeError(
                f"load_state_dict: {given} has shape {array.shape}, expected {known[canonical]}")
        if not np.isfinite(array).all():
            raise ArgumentError(f"load_state_dict: {given} holds values that are not finite")
        arrays[canonical] = array
    for canonical, array in arrays.items():
        state.write(canonical, array)
