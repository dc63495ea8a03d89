"""Exceptions: one class per status code of scrl.h, all of them scrl.Error."""

from typing import Dict, Type


class Error(Exception):
    """Any failure of libscrl. `status` is the code of scrl.h, `name` its name there."""

    status: int = -13
    name: str = "SCRL_E_INTERNAL"


class ArgumentError(Error, ValueError):
    """A call's own arguments: missing, out of range, too small."""

    status, name = -1, "SCRL_E_ARGUMENT"


class ConfigError(Error, ValueError):
    """Unknown key, bad value, or options that contradict each other."""

    status, name = -2, "SCRL_E_CONFIG"


class ShapeError(Error, ValueError):
    """Arrays that do not fit each other."""

    status, name = -3, "SCRL_E_SHAPE"


class StorageError(Error, OSError):
    """The system refused: missing file, full disk, permission."""

    status, name = -4, "SCRL_E_IO"


class FormatError(Error, ValueError):
    """A file that is not what it should be."""

    status, name = -5, "SCRL_E_FORMAT"


class DataError(Error, ValueError):
    """An image or annotation that cannot be used."""

    status, name = -6, "SCRL_E_DATA"


class OutOfMemoryError(Error, MemoryError):
    """The memory asked for cannot be had."""

    status, name = -7, "SCRL_E_MEMORY"


class DivergedError(Error, ArithmeticError):
    """The loss is no longer finite; weights are those of before the step."""

    status, name = -8, "SCRL_E_DIVERGED"


class CancelledError(Error):
    """Stopped by the host."""

    status, name = -9, "SCRL_E_CANCELLED"


class StateError(Error, RuntimeError):
    """A call that the object's state does not allow, such as after close()."""

    status, name = -10, "SCRL_E_STATE"


class ForkedError(Error, RuntimeError):
    """A parent's object used in a forked child."""

    status, name = -11, "SCRL_E_FORKED"


class UnsupportedError(Error, NotImplementedError):
    """This build or machine cannot do it."""

    status, name = -12, "SCRL_E_UNSUPPORTED"


class InternalError(Error, RuntimeError):
    """A bug of the library, caught."""

    status, name = -13, "SCRL_E_INTERNAL"


BY_STATUS: Dict[int, Type[Error]] = {
    kind.status: kind
    for kind in (
        ArgumentError, ConfigError, ShapeError, StorageError, FormatError, DataError,
        OutOfMemoryError, DivergedError, CancelledError, StateError, ForkedError,
        UnsupportedError, InternalError,
    )
}
