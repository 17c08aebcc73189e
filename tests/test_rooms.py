"""The rooms of both packages: which may import from which, written down once; and which do without torch."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

from nist import digest

FLOOR = {"errors", "digest"}  # modules of the package itself, below all rooms
METRICS = {"metrics_file", "correctness"}  # what the statistics read, above the floor
NIST = {
    "errors": set(),
    "digest": set(),
    "runtime": FLOOR,
    "metrics_file": {*FLOOR, "runtime"},
    "correctness": {*FLOOR, "runtime", "metrics_file"},
    "sparse": FLOOR,
    "data": {*FLOOR, "runtime"},
    "integrations": {"sparse"},
    "studies": {*FLOOR, "metrics_file", "sparse", "data"},
    "models": {*FLOOR, "runtime", "sparse", "data", "studies"},
    "training": {*FLOOR, "runtime", *METRICS, "sparse", "data", "studies", "models"},
    "benchmarks": {*FLOOR, "runtime", "sparse", "data", "studies", "models", "training"},
    "image_folder": {"errors", "data"},
    "pretrained": {"errors", "models"},
    "train": {*FLOOR, "runtime", *METRICS, "data", "studies", "models", "training"},
    "train_all": {*FLOOR, "runtime", "data", "studies", "training"},
    "commands": {"errors"},
}
ANALYSIS = {
    "contracts": set(),
    "formatting": set(),
    "cli": {"contracts"},
    "manifest": set(),
    "metrics": set(),
    "published": {"formatting", "metrics"},
    "networks": set(),
    "study_results": {"cli"},
    "pipeline": {"contracts", "manifest", "metrics", "published"},
    "statistics": {"cli", "contracts", "metrics", "networks"},
    "coverage": {"formatting", "statistics"},
    "claims": {"cli", "study_results", "networks", "statistics"},
    "figures": {"contracts", "study_results", "tables"},
    "tables": {"formatting", "study_results", "networks", "statistics", "claims"},
    "report": {
        *("cli", "contracts", "formatting", "manifest", "study_results"),
        *("metrics", "published", "claims", "figures", "tables"),
    },
    "items": {"contracts", "manifest", "study_results"},
    "measured": {"figures", "tables"},
    "console": set(),
    "queues": set(),
    "findings": {"formatting", "study_results", "statistics", "claims", "tables"},
    "scale": {"cli", "metrics", "published", "networks"},
}
# Of the package that trains, what the one that reads its metrics uses: the rest needs torch.
SHARED = {*FLOOR, *METRICS, "runtime", "sparse", "data", "studies", "benchmarks"}
PACKAGES = {"nist": NIST, "analysis": ANALYSIS}
each_package = pytest.mark.parametrize("package", PACKAGES)


def imports(path):
    """Modules that a file imports, by their full names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                within = f"{node.module}.{alias.name}"
                yield within if digest.source(within) or Path(*within.split(".")).is_dir() else node.module


def modules(package):
    return {".".join(path.with_suffix("").parts): path for path in sorted(Path(package).rglob("*.py"))}


def room(module):
    return module.split(".")[1]


def arrows(package):
    """Imports from one room of a package to another: pairs of rooms, with the modules."""
    found = defaultdict(set)
    for module, path in modules(package).items():
        for target in imports(path):
            if target.startswith(f"{package}.") and room(module) not in (room(target), "__init__"):
                found[room(module), room(target)].add((module, target))
    return found


@each_package
def test_no_room_imports_from_one_that_is_not_below_it(package):
    allowed = PACKAGES[package]
    assert {pair: found for pair, found in arrows(package).items() if pair[1] not in allowed[pair[0]]} == {}


@each_package
def test_an_arrow_that_nothing_needs_is_not_allowed(package):
    unused = {(above, below) for above, every in PACKAGES[package].items() for below in every} - {*arrows(package)}
    assert {pair for pair in unused if pair[1] not in FLOOR} == set()


@each_package
def test_rooms_stand_on_each_other_in_one_order(package):
    allowed, heights = PACKAGES[package], {}
    while len(heights) < len(allowed):
        free = [name for name in allowed if name not in heights and allowed[name] - {name} <= heights.keys()]
        assert free, f"a circle among {allowed.keys() - heights.keys()}"
        heights.update(dict.fromkeys(free, len(heights)))


@each_package
def test_every_room_is_there_and_has_an_empty_front_door(package):
    rooms = {path.name for path in Path(package).iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms <= PACKAGES[package].keys()
    fronts = {name: Path(package, name, "__init__.py").read_text(encoding="utf-8") for name in rooms}
    assert {*fronts.values()} == {""}


def test_what_trains_imports_nothing_of_the_analysis():
    assert {target for path in modules("nist").values() for target in imports(path) if "analysis" in target} == set()


def test_the_analysis_and_what_plans_import_no_torch():
    roots = [*modules("analysis"), "nist.studies.plan", "nist.studies.trained", "nist.metrics_file", "nist.correctness"]
    closure = digest.imported(roots)
    assert {"nist.studies.study", "nist.sparse.mask", "nist.benchmarks.results_file"} <= closure.keys()
    assert [name for name, path in closure.items() if any(t.partition(".")[0] == "torch" for t in imports(path))] == []
    assert {room(name) for name in closure if name.startswith("nist.")} <= SHARED


def test_the_findings_and_the_page_import_neither_scipy_nor_pyplot():
    slow = {"scipy", "scipy.stats", "matplotlib.pyplot", "statsmodels"}  # half a second of each process
    closure = digest.imported(["analysis.findings.__main__", "analysis.report.__main__"])
    assert {name: found for name, path in closure.items() if (found := slow & {*imports(path)})} == {}
