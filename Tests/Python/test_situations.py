"""docs/what-happens-when.md: every row names tests that exist."""

import re

import pytest
from conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "what-happens-when.md"


def rows():
    """(situation, what happens, tests) of every table row."""
    found = []
    for line in PAGE.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("|") and not line.startswith("|---") and cells[0] != "situation":
            found.append(cells)
    return found


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:60])
def test_a_row_is_backed_by_tests_that_exist(row):
    assert len(row) == 3, row
    tests = re.findall(r"`([^`]+)`", row[2])
    assert tests, f"no test is named: {row}"
    for each in tests:
        file, _, name = each.partition("::")
        path = REPOSITORY / "Tests" / file
        assert path.is_file(), f"{each}: no such file"
        assert name and name in path.read_text("utf-8"), f"{each}: no such test in the file"
