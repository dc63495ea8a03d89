"""The ctypes of _abi/header.py are those of scrl.h: functions, structs, callbacks, status numbers."""

import ctypes
import re
import subprocess
import sys

import pytest

from conftest import REPOSITORY
from scrl import _abi, errors

RAW = (REPOSITORY / "include" / "scrl.h").read_text("utf-8")
TEXT = re.sub(r"//.*", "", re.sub(r"/\*.*?\*/", "", RAW, flags=re.S))

SCALARS = {
    "int32_t": ctypes.c_int32, "int64_t": ctypes.c_int64, "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64, "uint8_t": ctypes.c_uint8, "size_t": ctypes.c_size_t,
    "float": ctypes.c_float, "double": ctypes.c_double, "scrl_status": ctypes.c_int32,
}


def ctype(declaration: str):
    """The ctypes type of a C declaration such as `const float *boxes` or `int64_t shape[4]`."""
    array = re.search(r"\[(\d+)\]\s*$", declaration)
    declaration = re.sub(r"\[\d+\]\s*$", "", declaration)
    stars = declaration.count("*")
    words = [w for w in re.findall(r"\w+", declaration) if w != "const"]
    base = words[0]
    if base == "void":
        return {0: None, 1: ctypes.c_void_p}[stars]
    if base == "char":
        kind, stars = (ctypes.c_char_p, stars - 1) if "const" in declaration else (
            ctypes.c_char, stars)
    else:
        kind = SCALARS.get(base) or getattr(_abi.header, base)
    for _ in range(stars):
        kind = ctypes.POINTER(kind)
    if array:
        return (int(array[1]), kind)
    return kind


def as_field(kind):
    return kind[1] * kind[0] if isinstance(kind, tuple) else kind


def as_argument(kind):
    return ctypes.POINTER(kind[1]) if isinstance(kind, tuple) else kind


FUNCTIONS = {
    name: (ctype(result + " "), [] if arguments.strip() == "void" else
           [as_argument(ctype(a)) for a in arguments.split(",")])
    for result, name, arguments in re.findall(
        r"^((?:const )?\w+ \*?)\s*(scrl_\w+)\(([^)]*)\);", TEXT, flags=re.M)
}


def test_the_header_was_understood():
    assert len(FUNCTIONS) == TEXT.count(");") - len(re.findall(r"typedef[^;]*\(\*", TEXT))


def test_every_function_is_typed_and_no_other():
    assert list(_abi.header.FUNCTIONS) == list(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_has_the_headers_types(name):
    result, arguments = FUNCTIONS[name]
    mine, my_arguments = _abi.header.FUNCTIONS[name]
    assert mine == result
    assert my_arguments == arguments


@pytest.mark.parametrize("name, body", re.findall(
    r"typedef struct (scrl_\w+) \{(.*?)\}", TEXT, flags=re.S))
def test_struct_has_the_headers_fields(name, body):
    fields = []
    for statement in body.split(";"):
        if not statement.strip():
            continue
        field = re.search(r"(\w+)\s*(?:\[\d+\])?\s*$", statement.strip())[1]
        fields.append((field, as_field(ctype(statement.strip()))))
    assert [(n, t) for n, t in getattr(_abi.header, name)._fields_] == fields
    assert getattr(_abi.header, name)().struct_size == ctypes.sizeof(getattr(_abi.header, name))


@pytest.mark.parametrize("result, name, arguments", re.findall(
    r"typedef (\w+) \(\*(scrl_\w+)\)\(([^)]*)\)", TEXT))
def test_callback_has_the_headers_types(result, name, arguments):
    kind = getattr(_abi.header, name)
    assert kind._restype_ == ctype(result + " ")
    assert list(kind._argtypes_) == [as_argument(ctype(a)) for a in arguments.split(",")]


def test_every_status_has_its_exception():
    numbers = {name: int(value) for name, value in
               re.findall(r"(SCRL_E_\w+) = (-\d+)", TEXT)}
    assert {kind.name: status for status, kind in errors.BY_STATUS.items()} == numbers
    assert all(issubclass(kind, errors.Error) for kind in errors.BY_STATUS.values())


def test_abi_number_is_the_headers():
    assert _abi.header.SCRL_ABI == int(re.search(r"#define SCRL_ABI (\d+)", RAW)[1])


def test_package_version_is_the_headers():
    import scrl

    assert scrl.__version__ == re.search(r'#define SCRL_VERSION "(.*)"', RAW)[1]


def run_abi(repository, *arguments):
    return subprocess.run([sys.executable, repository / "scripts" / "abi", *arguments],
                          capture_output=True, text=True)


def test_the_committed_types_are_what_the_header_gives():
    done = run_abi(REPOSITORY, "--check")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("declaration", [
    "scrl_status scrl_more(scrl_nothing *nothing);", "typedef struct scrl_bare { int32_t x; } "
    "scrl_bare;", "enum { SCRL_SUM = 1 + 1 };", "long scrl_more(void);", "#pragma once",
])
def test_a_declaration_that_is_not_understood_is_refused_with_its_line(tmp_path, declaration):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "include").mkdir()
    script = (REPOSITORY / "scripts" / "abi").read_text("utf-8")
    (tmp_path / "scripts" / "abi").write_text(script, "utf-8")
    header = tmp_path / "include" / "scrl.h"
    header.write_text(RAW + declaration + "\n", "utf-8")
    done = run_abi(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{header}:{RAW.count(chr(10)) + 1}: ")
