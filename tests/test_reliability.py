"""The page of promises names tests that exist, so that none is kept by a test that was renamed or removed."""

import ast
import re
from pathlib import Path

import pytest

PAGE = Path("docs/reliability.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


def test_the_page_names_tests_by_file_and_function():
    assert len(NAMED) > 40
    assert len(NAMED) == len(set(re.findall(r"::\w+", PAGE)))  # none is written in another way and so not checked


@pytest.mark.parametrize("file", sorted({file for file, _ in NAMED}))
def test_a_promise_is_kept_by_a_test_that_exists(file):
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert {name for other, name in NAMED if other == file} <= there
