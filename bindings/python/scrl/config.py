"""Config: every option of a run, as typed keys. The keys themselves live in the library."""

from ctypes import byref
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple, Union

from . import _abi
from ._abi import lib
from .errors import ConfigError

Value = Union[int, float, bool, str, Tuple[float, ...]]


class Key(NamedTuple):
    """What a config key means; `default` is its text in the default preset, `fixed` why a resumed
    run keeps its value, None: resume() may change it."""

    name: str
    type: str
    range: str
    default: str
    meaning: str
    fixed: Optional[str] = None


_keys: Dict[str, Key] = {}


def describe() -> Dict[str, Key]:
    """Every key with its type, range, default and meaning, in the library's order."""
    if not _keys:
        for index in range(lib.scrl_config_key_count()):
            raw = _abi.header.scrl_config_key()
            _abi.check(lib.scrl_config_key_at(index, byref(raw)))
            texts = [(getattr(raw, field) or b"").decode()
                     for field in ("name", "type", "range", "preset", "meaning")]
            _keys[texts[0]] = Key(*texts, None if raw.fixed is None else raw.fixed.decode())
    return dict(_keys)


def presets() -> List[str]:
    """The names of the presets; the first argument of Config."""
    names = (lib.scrl_config_preset_name(i) for i in range(lib.scrl_config_preset_count()))
    return [name.decode() for name in names if name]


def text_of(value: Any) -> str:
    """A value as the library's text of it."""
    if hasattr(value, "item") and not isinstance(value, (list, tuple)):
        value = value.item()  # numpy scalars
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (tuple, list)):
        return ":".join(text_of(part) for part in value)
    if isinstance(value, float):
        return repr(value)
    return str(value)


def _to_value(text: str, kind: str) -> Value:
    if kind == "integer":
        return int(text)
    if kind == "real":
        return float(text)
    if kind == "boolean":
        return text == "true"
    if kind == "pair":
        first, _, second = text.partition(":")
        return float(first), float(second)
    if kind == "list":
        return tuple(float(part) if set(part) & set(".en") else int(part)
                     for part in text.split(":"))
    return text


class Config(_abi.Handle):
    """The options of a run.

    Config(preset="scrl-small", **{"model.arch": "resnet18", "train.batch": 32}); then cfg[key]
    reads (int, float, bool, str, or a tuple for pairs and lists such as views.crop_scale) and cfg[key] = value
    sets. An unknown key, a bad value, or values that contradict each other raise ConfigError with
    the reason; values set one by one are checked together by check() and by whatever uses them.
    """

    def __init__(self, preset: Optional[str] = None, **values: Any) -> None:
        pointer = _abi.config_p()
        name = None if preset is None else _abi.text_bytes(preset, "preset")
        _abi.check(lib.scrl_config_new(name, byref(pointer)))
        self._own(pointer, lib.scrl_config_free)
        for key, value in values.items():
            self[key] = value
        self.check()

    @classmethod
    def _adopt(cls, pointer: Any) -> "Config":
        config = cls.__new__(cls)
        config._own(pointer, lib.scrl_config_free)
        return config

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], preset: Optional[str] = None) -> "Config":
        """The preset with the values of a mapping, such as what dict(cfg.items()) gave."""
        return cls(preset, **dict(values))

    def __getitem__(self, key: str) -> Value:
        raw = _abi.text_bytes(key, "config key")
        text = _abi.read_text(
            lambda room, capacity, length: lib.scrl_config_get(
                self._handle, raw, room, capacity, length))
        known = describe().get(key)
        return _to_value(text, known.type if known else "text")

    def __setitem__(self, key: str, value: Any) -> None:
        _abi.check(lib.scrl_config_set(
            self._handle, _abi.text_bytes(key, "config key"),
            _abi.text_bytes(text_of(value), str(key))))

    def get(self, key: str, default: Any = None) -> Any:
        """cfg[key], or `default` for a key that does not exist."""
        try:
            return self[key]
        except ConfigError:
            return default

    def keys(self) -> List[str]:
        """The names of all keys."""
        return list(describe())

    def items(self) -> List[Tuple[str, Value]]:
        """(key, value) of all keys."""
        return [(key, self[key]) for key in self.keys()]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __contains__(self, key: object) -> bool:
        return key in describe()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and self.items() == other.items()

    __hash__ = None  # type: ignore[assignment]

    def check(self) -> None:
        """Raises ConfigError for values that contradict each other."""
        _abi.check(lib.scrl_config_check(self._handle))

    def describe(self) -> Dict[str, Key]:
        """Every key with its type, range, default and meaning."""
        return describe()

    def copy(self) -> "Config":
        """A copy that shares nothing."""
        pointer = _abi.config_p()
        _abi.check(lib.scrl_config_clone(self._handle, byref(pointer)))
        return Config._adopt(pointer)

    __copy__ = copy

    def __deepcopy__(self, _memo: Any) -> "Config":
        return self.copy()

    def __reduce__(self) -> Any:
        return _restored, (dict(self.items()),)

    def __repr__(self) -> str:
        if self.closed:
            return "Config(closed)"
        return "Config(" + ", ".join(f"{k}={text_of(v)}" for k, v in self.items()) + ")"


def as_config(config: Any) -> Config:
    """A Config, a preset's name, a mapping of keys, or None for the default preset."""
    if isinstance(config, Config):
        return config
    if config is None or isinstance(config, str):
        return Config(config)
    return Config.from_dict(config)


def _restored(values: Mapping[str, Any]) -> Config:
    """The config that was pickled or copied; contradictions wait for check(), as in the original."""
    config = Config()
    for key, value in values.items():
        config[key] = value
    return config
