"""The rooms of the package: which may import from which, written down once; and which do without torch."""

import ast
from collections import defaultdict
from pathlib import Path

from nist import digest

FLOOR = {"errors", "digest"}  # modules of the package itself, below all rooms
METRICS = {"metrics_file", "correctness"}  # what the statistics read, above the floor
ARROWS = {
    "errors": set(),
    "digest": set(),
    "runtime": FLOOR,
    "metrics_file": {*FLOOR, "runtime"},
    "correctness": {*FLOOR, "runtime", "metrics_file"},
    "sparse": FLOOR,
    "data": {*FLOOR, "runtime"},
    "studies": {*FLOOR, "runtime", *METRICS, "sparse", "data"},
    "models": {*FLOOR, "runtime", "sparse", "data", "studies"},
    "training": {*FLOOR, "runtime", *METRICS, "sparse", "data", "studies", "models"},
    "benchmarks": {*FLOOR, "runtime", "sparse", "data", "studies", "models", "training"},
    "image_folder": {"errors", "data"},
    "pretrained": {"errors", "models"},
    "calibration": {"errors", "benchmarks"},
    "train": {*FLOOR, "runtime", *METRICS, "data", "studies", "models", "training"},
    "train_all": {*FLOOR, "runtime", "data", "studies", "training"},
}


def imports(path):
    """Modules that a file imports, by their full names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                within = f"{node.module}.{alias.name}"
                yield within if digest.source(within) or Path(*within.split(".")).is_dir() else node.module


def room(module):
    """The room of a module of the package, or the module itself where it stands in none."""
    return module.split(".")[1] if module.startswith("nist.") else None


def arrows():
    """Imports from one room to another: pairs of rooms, with the modules."""
    found = defaultdict(set)
    for path in sorted(Path("nist").rglob("*.py")):
        module = ".".join(path.with_suffix("").parts)
        for target in imports(path):
            if room(target) and room(module) not in (room(target), "__init__"):
                found[room(module), room(target)].add((module, target))
    return found


def test_no_room_imports_from_one_that_is_not_below_it():
    wrong = {pair: modules for pair, modules in arrows().items() if pair[1] not in ARROWS[pair[0]]}
    assert wrong == {}


def test_nothing_here_imports_the_analysis():
    every = {target for path in Path("nist").rglob("*.py") for target in imports(path)}
    assert {target for target in every if target.split(".")[0] == "analysis"} == set()


def test_rooms_stand_on_each_other_in_one_order():
    heights = {}
    while len(heights) < len(ARROWS):
        free = [name for name in ARROWS if name not in heights and ARROWS[name] - {name} <= heights.keys()]
        assert free, f"a circle among {ARROWS.keys() - heights.keys()}"
        heights.update(dict.fromkeys(free, len(heights)))


def test_every_room_is_there_and_has_an_empty_front_door():
    rooms = {path.name for path in Path("nist").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms <= ARROWS.keys()
    fronts = {name: Path("nist", name, "__init__.py").read_text(encoding="utf-8") for name in rooms - {"models"}}
    assert {*fronts.values()} == {""}


def test_what_plans_and_what_reads_metrics_imports_no_torch():
    modules = ["nist.studies.plan", "nist.studies.trained", "nist.metrics_file", "nist.correctness"]
    closure = digest._imported(modules)
    assert {"nist.studies.study", "nist.sparse.mask"} <= closure.keys()
    assert [name for name, path in closure.items() if any(t.partition(".")[0] == "torch" for t in imports(path))] == []
