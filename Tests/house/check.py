#!/usr/bin/env python3
"""The architecture of libscrl as a test: what Package.swift and the sources must keep to.

    Tests/house/check.py            checks this tree; one line per violation, exit status 1
    Tests/house/check.py --planted  plants one violation of each rule in a copy; each must be found

Only the standard library: it runs before anything is built. The build itself checks that a target
imports nothing that it does not list (--explicit-target-dependency-import-check error).
"""
import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

# Lowest first. A room may use rooms of its own floor that stand before it in Package.swift, and
# rooms of the floors below; Compute and Data stand side by side and may not use each other.
FLOORS = ["Ground", "Compute", "Data", "Learning", "Training", "Border"]
APART = {("Data", "Compute"), ("Learning", "Data")}
BACKENDS = ("ScrlOneDNN",)  # engines that only the composition may name
COMPOSITION = "Sources/Border/ScrlCAPI/Composition.swift"
MOST_FILE_LINES = 300
MOST_FUNCTION_LINES = 60
# C doors with a part for each of several rooms.
SHARED_DOORS = {"CHost"}

IMPORT = re.compile(r"^\s*(?:@\w+ )*import (?:(?:struct|class|enum|func|protocol|let|var) )?(\w+)")
FUNCTION = re.compile(
    r"^( *)(?:@\w+(?:\([^)]*\))? )*(?:(?:public|package|private|fileprivate|internal|static|"
    r"final|override|mutating|nonmutating|convenience|required|class) )*"
    r"(?:func \S|init[?(<]|subscript\()")


def rooms(root):
    """(floor, room, folder) of each target of Sources, in the order of Package.swift."""
    text = (root / "Package.swift").read_text()
    found = []
    for floor, room in re.findall(r'room\(\s*"(\w+)",\s*"(\w+)"', text):
        found.append((floor, room, root / "Sources" / floor / room))
    for room, path in re.findall(r'systemLibrary\(\s*name: "(\w+)",\s*path: "(\S+?)"', text):
        floor = path.split("/")[1] if path.startswith("Sources/") else "Border"
        found.insert(0, (floor, room, root / path))
    return found


def swift_files(root, *folders):
    for folder in folders:
        yield from sorted((root / folder).rglob("*.swift"))


def imports(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = IMPORT.match(line)
        if match:
            yield number, match.group(1)


def check_rooms(root):
    """Every folder of Sources is a room of Package.swift, and every room lies on a known floor."""
    known = {folder.resolve() for _, _, folder in rooms(root)}
    for floor in sorted(path for path in (root / "Sources").iterdir() if path.is_dir()):
        if floor.name not in FLOORS:
            yield f"Sources/{floor.name}: no floor · expected one of {', '.join(FLOORS)}"
        for room in sorted(path for path in floor.iterdir() if path.is_dir()):
            if room.resolve() not in known:
                yield f"{room.relative_to(root)}: not a room of Package.swift"


def check_imports(root):
    """Imports go down only."""
    order = {room: (place, floor) for place, (floor, room, _) in enumerate(rooms(root))}
    for floor, room, folder in rooms(root):
        for path in swift_files(folder, "."):
            for number, other in imports(path):
                if other not in order:
                    continue
                other_place, other_floor = order[other]
                where = f"{path.relative_to(root)}:{number}"
                rank, other_rank = FLOORS.index(floor), FLOORS.index(other_floor)
                is_up = other_rank > rank or other_rank == rank and other_place > order[room][0]
                if is_up or (floor, other_floor) in APART:
                    yield f"{where}: {room} ({floor}) imports {other} ({other_floor}), not below it"


def check_foundation(root):
    """A host embeds megabytes, not tens of them: the C library is all that Sources import."""
    ours = {room for _, room, _ in rooms(root)}
    for path in swift_files(root, "Sources"):
        for number, name in imports(path):
            if name not in ours and name != "Glibc":
                where = f"{path.relative_to(root)}:{number}"
                yield f"{where}: imports {name} · expected Glibc or a room"


def check_backends(root):
    """One file names the engines."""
    for _, room, folder in rooms(root):
        if room in BACKENDS:
            continue
        for path in swift_files(folder, "."):
            if str(path.relative_to(root)) == COMPOSITION:
                continue
            for number, name in imports(path):
                if name in BACKENDS:
                    yield f"{path.relative_to(root)}:{number}: names an engine, {name}"


def check_doors(root):
    """Each C door is imported by one room."""
    doors = {room for _, room, _ in rooms(root) if room.startswith("C")} - SHARED_DOORS
    users = {door: set() for door in doors}
    for _, room, folder in rooms(root):
        for path in swift_files(folder, "."):
            for _, name in imports(path):
                if name in doors:
                    users[name].add(room)
    for door, found in sorted(users.items()):
        if len(found) > 1:
            yield f"{door}: imported by {', '.join(sorted(found))} · expected one room"


def check_public(root):
    """Only the border has public declarations."""
    for floor, _, folder in rooms(root):
        if floor == "Border":
            continue
        for path in swift_files(folder, "."):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if re.match(r"\s*(?:@\w+ )*(?:public|open) ", line):
                    yield f"{path.relative_to(root)}:{number}: public outside the border"


def has_body(lines, start, indent):
    """False of a protocol's requirement: the next declaration comes before a brace opens."""
    for place in range(start, len(lines)):
        line = lines[place]
        if line.endswith("{"):
            return True
        is_deeper = line.startswith(indent + " ") or line.startswith(indent + ")")
        if place > start and not is_deeper:
            return False
    return False


def check_sizes(root):
    """Files and functions that fit a reader's head."""
    for path in swift_files(root, "Sources", "Tests"):
        lines = path.read_text().splitlines()
        name = path.relative_to(root)
        if len(lines) > MOST_FILE_LINES:
            yield f"{name}: {len(lines)} lines · expected at most {MOST_FILE_LINES}"
        for start, line in enumerate(lines):
            match = FUNCTION.match(line)
            if not match or line.rstrip().endswith("}"):
                continue
            if not has_body(lines, start, match.group(1)):
                continue
            # Formatted code closes a body at the indentation of its declaration.
            closing = match.group(1) + "}"
            end = next((i for i in range(start + 1, len(lines)) if lines[i] == closing), None)
            if end is not None and end - start + 1 > MOST_FUNCTION_LINES:
                yield (f"{name}:{start + 1}: a function of {end - start + 1} lines · expected at "
                       f"most {MOST_FUNCTION_LINES}")


CHECKS = [check_rooms, check_imports, check_foundation, check_backends, check_doors, check_public,
          check_sizes]


def violations(root):
    return [line for check in CHECKS for line in check(root)]


def plant(root, path, text):
    """Appends to a file of the copy, or makes it."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    old = target.read_text() if target.exists() else ""
    target.write_text(old + text)


BASE = "Sources/Ground/ScrlBase"
PLANTS = [  # (file, text, what the line that finds it must say)
    (f"{BASE}/Planted.swift", "import Foundation\n", "imports Foundation"),
    (f"{BASE}/Planted.swift", "import ScrlTensor\n", "not below it"),
    ("Sources/Data/ScrlImage/Planted.swift", "import ScrlTensor\n", "not below it"),
    ("Sources/Training/ScrlPretraining/Planted.swift", "import ScrlOneDNN\n", "names an engine"),
    ("Sources/Compute/ScrlTensor/Planted.swift", "import CParallel\n", "expected one room"),
    (f"{BASE}/Planted.swift", "public func planted() {}\n", "public outside the border"),
    (f"{BASE}/Planted.swift", "// line\n" * 301, "301 lines"),
    (f"{BASE}/Planted.swift", "func planted() {\n" + "  work()\n" * 60 + "}\n", "a function of 62"),
    ("Sources/Attic/ScrlPlanted/Planted.swift", "", "no floor"),
    ("Sources/Ground/ScrlPlanted/Planted.swift", "", "not a room"),
]


def check_planted(root):
    """Whether each rule finds what breaks it."""
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (path, text, expected) in enumerate(PLANTS):
            copy = Path(folder) / str(number)
            copy.mkdir()
            shutil.copytree(root / "Sources", copy / "Sources")
            shutil.copytree(root / "include", copy / "include")
            (copy / "Tests").mkdir()
            shutil.copy(root / "Package.swift", copy)
            plant(copy, path, text)
            found = violations(copy)
            if not any(expected in line for line in found):
                missed.append(f"planted in {path}, not found: {expected} · got {found}")
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--planted", action="store_true", help="test the rules themselves")
    options = parser.parse_args()
    root = Path(__file__).resolve().parents[2]
    found = check_planted(root) if options.planted else violations(root)
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    if options.planted:
        print(f"house: {len(PLANTS) - len(found)} of {len(PLANTS)} planted violations found")
    else:
        files = len(list(swift_files(root, "Sources")))
        print(f"house: {len(CHECKS)} rules, {files} files, {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
