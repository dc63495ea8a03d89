"""Every *.md of the repository: links and anchors lead somewhere, and paths in backticks exist."""

import re
import subprocess

import pytest
from conftest import REPOSITORY

TOP = ("Sources", "Tests", "bench", "bindings", "docs", "examples", "include", "packaging",
       "scripts", ".ci")
SUFFIXES = ("swift", "py", "md", "h", "c")  # of names without a folder
# Written by the programs of the README, or by their reader.
EXAMPLES = {"README.md", "bindings/python/README.md"}


def tracked():
    """Files of this tree, without what git ignores."""
    done = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                          cwd=REPOSITORY, capture_output=True, text=True)
    if done.returncode:  # an export without .git
        return [str(path.relative_to(REPOSITORY)) for top in TOP
                for path in (REPOSITORY / top).rglob("*") if path.is_file()] + [
                    path.name for path in REPOSITORY.glob("*.md")]
    return [name for name in done.stdout.splitlines() if (REPOSITORY / name).is_file()]


FILES = tracked()
NAMES = {name.rpartition("/")[2] for name in FILES}
PAGES = [name for name in FILES if name.endswith(".md")]


def prose(text):
    """Without blocks of code, where brackets and paths mean something else."""
    return re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)


def anchors(text):
    """Those that GitHub makes of headings."""
    found, seen = set(), {}
    for heading in re.findall(r"^#+ (.+)$", prose(text), flags=re.M):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found.add(f"{name}-{seen[name]}" if name in seen else name)
        seen[name] = seen.get(name, 0) + 1
    return found


def broken_links(text, folder):
    """folder: the page's. Files and anchors that are not there."""
    found = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        place = folder / name if name else None
        if place and not place.exists():
            found.append(target)
        elif anchor and anchor not in anchors(place.read_text("utf-8") if place else text):
            found.append(target)
    return found


def missing_paths(text, examples=False):
    """Words in backticks that look like a file of this repository and are none."""
    found = []
    for word in re.findall(r"`([^`\s]+)`", prose(text)):
        word = word.partition("::")[0].rstrip("/")
        if "/" in word:
            if word.split("/")[0] in TOP:
                places = [word]
            elif word.endswith(".swift"):  # from its room on: ScrlNN/LARS.swift
                places = [f"Sources/**/{word}", f"Tests/**/{word}"]
            else:
                continue
            if not any(any(REPOSITORY.glob(place)) for place in places):
                found.append(word)
        elif not examples and re.fullmatch(rf"[\w+-]+\.({'|'.join(SUFFIXES)})", word):
            if word not in NAMES:
                found.append(word)
    return found


@pytest.mark.parametrize("page", PAGES)
def test_links_and_paths_of_a_page_lead_somewhere(page):
    path = REPOSITORY / page
    text = path.read_text("utf-8")
    assert broken_links(text, path.parent) == []
    assert missing_paths(text, page in EXAMPLES) == []


def test_planted_dead_links_and_paths_are_found(tmp_path):
    (tmp_path / "other.md").write_text("# A `heading`, here\n# Twice\n# Twice\n")
    good = ("# Top\n[a](other.md) [b](other.md#a-heading-here) [c](#top) [d](other.md#twice-1) "
            "[e](https://example.org/no#where) `bench/run.py` `report.py` `Sources/*/ScrlNN` "
            "`ScrlNN/LARS.swift`\n"
            "```\n[f](none.md) `bench/none.py`\n```\n")
    assert broken_links(good, tmp_path) == [] and missing_paths(good) == []
    bad = "[a](none.md) [b](other.md#none) [c](#none) `bench/none.py` `Nowhere.swift` "
    bad += "`ScrlNN/Nowhere.swift`"
    assert broken_links(bad, tmp_path) == ["none.md", "other.md#none", "#none"]
    assert missing_paths(bad) == ["bench/none.py", "Nowhere.swift", "ScrlNN/Nowhere.swift"]
