"""NULL and nonsense for every C function: an error status, never a crash. In one child process a
function, so that a crash names its function."""

import ctypes

import pytest

from conftest import needs_library, python
from scrl import _abi

CHILD = """
import ctypes, sys
from scrl import _abi
name = sys.argv[1]
result, kinds = _abi.header.FUNCTIONS[name]
function = getattr(_abi.lib, name)

def nothing(kind):
    if kind in (ctypes.c_char_p, ctypes.c_void_p) or hasattr(kind, "contents"):
        return None
    return kind() if hasattr(kind, "_restype_") else 0

def wrong(kind):
    opaque = (_abi.header.scrl_config, _abi.header.scrl_writer, _abi.header.scrl_dataset, _abi.header.scrl_model,
              _abi.header.scrl_trainer, _abi.header.scrl_detector, _abi.header.scrl_detections)
    if hasattr(kind, "contents") and kind._type_ in opaque:
        block = ctypes.create_string_buffer(4096)  # memory that is no handle of the library's
        keep.append(block)
        return ctypes.cast(block, kind)
    if kind is ctypes.c_char_p:
        return b"\\xff no such \\xfe"
    if kind is ctypes.c_void_p:
        return None
    if hasattr(kind, "contents"):
        block = ctypes.create_string_buffer(65536)  # struct_size 0 where it is a struct
        keep.append(block)
        return ctypes.cast(block, kind)
    return kind() if hasattr(kind, "_restype_") else 7

keep = []
for make in (nothing, wrong):
    answer = function(*[make(kind) for kind in kinds])
    print(repr(answer))
"""


@needs_library
@pytest.mark.parametrize("name", _abi.header.FUNCTIONS)
def test_null_and_nonsense_are_refused(name):
    done = python("-c", CHILD, name, timeout=60)
    assert done.returncode == 0, f"{name}: exit {done.returncode}: {done.stderr[-400:]}"
    answers_no_status = ("scrl_abi", "scrl_name_is_hidden")  # a number, 0 or 1
    if _abi.header.FUNCTIONS[name][0] is ctypes.c_int32 and name not in answers_no_status:
        answers = [int(line) for line in done.stdout.split()]
        assert all(answer < 0 for answer in answers), (name, answers)



@needs_library
def test_results_are_untouched_on_error():
    import ctypes

    pointer = _abi.config_p()
    assert _abi.lib.scrl_config_new(b"no such preset", ctypes.byref(pointer)) == -2
    assert not pointer
    assert b"no such preset" in _abi.lib.scrl_last_error()


@needs_library
def test_every_status_has_a_name():
    from scrl.errors import BY_STATUS

    for status, kind in BY_STATUS.items():
        assert _abi.lib.scrl_status_name(status).decode() == kind.name
    assert _abi.lib.scrl_status_name(0) == b"SCRL_OK"
    assert _abi.lib.scrl_status_name(12345) == b"SCRL_E_?"
