"""Model: a backbone for inference. BatchNorm uses its running statistics."""

import os
from ctypes import byref, c_int64
from typing import Any, Dict, Mapping

import numpy as np

from . import _abi, checkpoints, weights
from ._abi import PathLike, lib
from .config import Config, as_config
from .errors import ArgumentError, FormatError, ShapeError


class Model(_abi.Handle):
    """A backbone: Model(cfg) with fresh weights from the config's seed, or Model.load(path).

    Images are (N,3,H,W) float32, normalised by ImageNet's mean and deviation (see scrl.prepare); other
    floating point types and strides are accepted. Integers and values beyond ±30 cannot be such pixels
    and raise ArgumentError; a picture that lies in 0 … 1 as a whole is warned of.
    It pickles and copies (config and weights); a child that was forked cannot use its parent's
    (ForkedError): load it in the worker, or send it there.
    """

    def __init__(self, config: Any = None) -> None:
        pointer = _abi.model_p()
        config = as_config(config)  # a name of its own keeps a temporary one alive
        _abi.check(lib.scrl_model_new(config._handle, byref(pointer)))
        self._own(pointer, lib.scrl_model_free)

    @classmethod
    def load(cls, path: PathLike) -> "Model":
        """The online backbone of a checkpoint file, or of a run folder's newest whole one.

        A file of torch.save is read as by load_weights(): official SCRL and BYOL checkpoints, ResNets
        of torchvision. Its config is the preset "scrl-200ep" with the architecture of the weights.
        Raises StorageError, FormatError.
        """
        if checkpoints.is_foreign(path):
            return cls._of_foreign(path)
        pointer = _abi.model_p()
        _abi.check(lib.scrl_model_load(_abi.path_bytes(path), byref(pointer)))
        model = cls.__new__(cls)
        model._own(pointer, lib.scrl_model_free)
        return model

    @classmethod
    def _of_foreign(cls, path: PathLike) -> "Model":
        state = checkpoints.load_foreign(path)
        text = os.fsdecode(path)
        if state.arch is None:
            raise FormatError(f"Model.load {text}: the shapes are of no ResNet that is known here, "
                              "expected resnet18, resnet34, resnet50 or resnet101")
        model = cls(Config(preset="scrl-200ep", **{"model.arch": state.arch}))
        try:
            model.load_state_dict(state)
        except (ArgumentError, ShapeError) as error:  # the file is at fault, not the caller
            model.close()
            raise FormatError(f"Model.load {text}: {error}") from None
        return model

    def __reduce__(self) -> Any:
        return _restored, (self.config, dict(self.state_dict()))

    def save(self, path: PathLike) -> None:
        """Saves a checkpoint that Model.load() reads. An older checkpoint of that name is replaced, any
        other file is a StateError."""
        _abi.check(lib.scrl_model_save(self._handle, _abi.path_bytes(path)))

    @property
    def config(self) -> Config:
        """A copy of the model's config."""
        pointer = _abi.config_p()
        _abi.check(lib.scrl_model_config(self._handle, byref(pointer)))
        return Config._adopt(pointer)

    def features(self, x: Any, stage: str = "layer4") -> np.ndarray:
        """(N,C,h,w) float32: the feature map of a stage, "layer1" … "layer4".

        Raises ArgumentError for pixels that are not finite, DivergedError for such weights; embed()
        and embed_regions() too.
        """
        tensor, array = _abi.borrow_pictures(x, "features")
        shape = (c_int64 * 4)()
        name = _abi.text_bytes(stage, "stage")
        _abi.check(lib.scrl_model_feature_shape(
            self._handle, name, array.shape[0], array.shape[2], array.shape[3], shape))
        result = np.empty(tuple(shape), np.float32)
        _abi.check(lib.scrl_model_features(
            self._handle, byref(tensor), name, _abi.float_pointer(result), result.size))
        return result

    @property
    def embedding_size(self) -> int:
        """F, the length of an embedding."""
        return _abi.read_size(lib.scrl_model_embedding_size, self._handle)

    @property
    def region_size(self) -> int:
        """F_r, the length of a region's embedding: the channels of roi.stage."""
        return _abi.read_size(lib.scrl_model_region_size, self._handle)

    def embed(self, x: Any) -> np.ndarray:
        """(N,F) float32: features of the last stage that training shapes, averaged over the image.

        That stage is the config's roi.stage.
        """
        tensor, array = _abi.borrow_pictures(x, "embed")
        result = np.empty((array.shape[0], self.embedding_size), np.float32)
        _abi.check(lib.scrl_model_embed(
            self._handle, byref(tensor), _abi.float_pointer(result), result.size))
        return result

    def embed_regions(self, x: Any, boxes: Any) -> np.ndarray:
        """(K,F_r) float32: RoIAligned features of regions, at the config's roi.stage.

        One cell a region, whatever roi.pool_size training used.

        boxes (K,5): image index in 0 … N−1, x0, y0, x1, y1 in pixels of x.
        """
        tensor, _array = _abi.borrow_pictures(x, "embed_regions")
        boxes = _abi.boxes_array(boxes, 5, "embed_regions")
        result = np.empty((len(boxes), self.region_size), np.float32)
        if len(boxes):
            _abi.check(lib.scrl_model_embed_regions(
                self._handle, byref(tensor), _abi.float_pointer(boxes), len(boxes),
                _abi.float_pointer(result), result.size))
        return result

    def state_dict(self) -> Dict[str, np.ndarray]:
        """Weights and running statistics by name ("online.encoder.conv1.weight"), copied.

        The dict also finds torchvision's names: d["conv1.weight"].
        """
        return weights.read(self._handle, "model")

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Copies weights in, all or none, under our or torchvision's names; or load_weights(path).

        What is no part of a backbone (fc.*, projector, predictor, target, num_batches_tracked) is
        passed over. strict: missing and unknown names raise ArgumentError; ShapeError in any case.
        """
        weights.write(self._handle, "model", state, strict)


def _restored(config: Config, state: Mapping[str, Any]) -> Model:
    """The model that was pickled or copied."""
    model = Model(config)
    model.load_state_dict(state)
    return model
