"""The list of figures and tables, ``config/figures.yaml``: which there are, who has them, and what makes them."""

from pathlib import Path

from nist.errors import InputError
from nist.studies import plan, schema, study, yaml_file
from nist.studies.study import Study

MANIFEST = Path("config/figures.yaml")


def read(studies: dict[str, Study]) -> dict[str, dict]:
    """Figures and tables by name, from ``config/figures.yaml``. Raises ``InputError`` if ``studies`` feed others."""
    manifest = yaml_file.read(MANIFEST)
    schema.check(manifest, plan.SCHEMAS / "figures.schema.yaml", MANIFEST)
    for one in studies.values():
        for item in one.content["feeds"]:
            if item not in manifest:
                raise InputError(f"{one.path}: feeds: {item!r} is not in {MANIFEST}; there are {', '.join(manifest)}")
    return manifest


def of_the_paper(manifest: dict[str, dict], kind: str | None = None) -> list[str]:
    """The paper's own items, in its order; of one kind, ``figure`` or ``table``, if that is named."""
    return [name for name, entry in manifest.items() if "studies" in entry and kind in (None, entry["kind"])]


def feeds(one: Study, manifest: dict[str, dict], kind: str) -> list[str]:
    """Items of one kind that a study has."""
    return [name for name in one.content["feeds"] if manifest[name]["kind"] == kind]


def fed_by(one: Study, manifest: dict[str, dict], kind: str) -> list[str]:
    """Items of one kind that a study has for itself; where the paper has such an item of it, that one serves."""
    return [name for name in feeds(one, manifest, kind) if one.name not in manifest[name].get("studies", [])]


def module_of(manifest: dict[str, dict], name: str) -> str:
    """The module of ``analysis`` that makes an item."""
    return f"analysis.{manifest[name]['kind']}s.{manifest[name].get('module', name)}"


def named_by(manifest: dict[str, dict]) -> dict[str, Study]:
    """The studies that items of the paper are made from, by name."""
    names = {name for item in manifest.values() for name in item.get("studies", [])}
    return {name: study.load(name) for name in sorted(names)}
