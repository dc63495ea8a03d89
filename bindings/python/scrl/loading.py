"""load_weights: weights of any origin, under our names."""

import os

from . import _abi, checkpoints, pth
from ._abi import PathLike
from .checkpoints import Weights
from .model import Model

_HDF5 = b"\x89HDF\r\n\x1a\n"


def load_weights(path: PathLike) -> Weights:
    """Reads weights of any origin; nothing in the file is executed, and torch is not needed.

    Read are checkpoints of the official SCRL and BYOL code (online network, target, predictor;
    the linear evaluator as "probe."), state dicts of torchvision's ResNets (bare, or under
    "state_dict" or "model"; "fc." keeps its name) and libscrl's checkpoints and run folders (the
    online encoder). num_batches_tracked is left out.

        weights = scrl.load_weights("scrl_200ep.pth")
        model.load_state_dict(weights)
        trainer.load_state_dict(weights, strict=False)   # what the file has; not target from online

    Raises StorageError, and FormatError naming what is wrong.
    """
    if not _is_ours(_abi.path_bytes(path)):
        return checkpoints.load_foreign(path)
    with Model.load(path) as model:
        return Weights(model.state_dict(), "libscrl")


def _is_ours(path: bytes) -> bool:
    """Whether a path is a folder or an HDF5 file."""
    try:
        return os.path.isdir(path) or pth.begins(path) == _HDF5
    except OSError:
        return False
