"""What the evaluations share: their arguments as the library wants them, their progress, their end."""

import json
from contextlib import ExitStack, contextmanager
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from . import _abi
from .dataset import Dataset
from .errors import ArgumentError, ShapeError
from .interrupts import interrupt_into
from .model import Model


def run(call: Callable[[Callable[..., int]], int], show: Callable[..., None],
        callback: Optional[Callable[..., Any]], what: str) -> None:
    """Calls the library, call(listener), and raises at its end what stopped it.

    show, callback  hear what the listener does, but for its last argument, the user pointer; a true
                    answer of the callback stops the call.
    """
    failure: List[BaseException] = []
    stops: List[str] = []

    def on_progress(*state: Any) -> int:
        try:
            caught.heed()
            show(*state[:-1])
            if callback is not None and callback(*state[:-1]):
                stops.append("callback")
        except BaseException as error:
            failure.append(error)
        return 1 if stops or failure else 0

    with interrupt_into(stops) as caught:
        code = call(on_progress)
    caught.deliver(code, f"{what} stopped", failure)
    _abi.check(code)


def one_or_more(value: Any, what: str, operation: str) -> int:
    number = _abi.int32_of(value, what)
    if number < 1:
        raise ArgumentError(f"{operation}: {what} is {number}, expected 1 or more")
    return number


def positive(value: Any, what: str, operation: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ArgumentError(f"{operation}: {what} is {value!r}, expected a number") from None
    if not number > 0:
        raise ArgumentError(f"{operation}: {what} is {number}, expected more than 0")
    return number


def matched(raw: Any) -> Tuple[Optional[str], List[str], List[str]]:
    """How a report's two files were matched: matched_by, unknown_classes, absent_classes."""
    lists = [json.loads((each or b"[]").decode("utf-8"))
             for each in (raw.unknown_names, raw.absent_names)]
    return (raw.matched_by or b"").decode("ascii") or None, lists[0], lists[1]


def limits(values: Sequence[int], operation: str) -> Tuple[int, int, int]:
    """COCO's maxDets: three rising numbers of 1 and more; the library knows the largest there is."""
    try:
        made = tuple(_abi.int32_of(each, "max_detections") for each in values)
    except TypeError:
        made = ()
    if len(made) != 3 or not 0 < made[0] < made[1] < made[2]:
        raise ArgumentError(
            f"{operation}: max_detections is {values!r}, expected three rising numbers of 1 and more")
    return made


def numbers(values: Any, count: int, what: str, least: int) -> np.ndarray:
    """Whole numbers of count rows as int32."""
    array = np.asarray(values)
    if array.shape != (count,):
        raise ShapeError(f"{what} have shape {array.shape}, expected ({count},)")
    if array.dtype.kind not in "iu" or (
            array.size and (array.max() >= 2 ** 31 or array.min() < least)):
        raise ArgumentError(
            f"{what} are {array.dtype}, expected whole numbers in {least} … 2³¹ − 1")
    return np.ascontiguousarray(array, np.int32)


def pair(given: Any, what: str) -> Tuple[Any, np.ndarray, np.ndarray]:
    """A scrl_tensor over features, the labels, and the array that must outlive the tensor."""
    if len(given) != 2:
        raise ArgumentError(f"{what} has {len(given)} parts, expected (features, labels)")
    tensor, array = _abi.borrow(given[0], 2, f"{what} features")
    return tensor, numbers(given[1], len(array), f"{what} labels", -1), array


def dataset(data: Any, stack: ExitStack) -> Dataset:
    return data if isinstance(data, Dataset) else stack.enter_context(Dataset(data))


@contextmanager
def opened(operation: str, model: Any, *data: Any) -> Iterator[Tuple[Any, ...]]:
    """A Model and Datasets of what was given (objects or paths, None stays); opened ones are closed."""
    with ExitStack() as stack:
        if model is None:
            raise ArgumentError(f"{operation}: model is None, expected a Model or a path")
        loaded = model if isinstance(model, Model) else stack.enter_context(Model.load(model))
        yield (loaded, *(None if each is None else dataset(each, stack) for each in data))
