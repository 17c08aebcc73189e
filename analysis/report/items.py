"""Figures and tables on the page: their content, captions and files, and which section shows them."""

import base64
from pathlib import Path

from analysis import cli
from analysis import manifest as manifests
from analysis.contracts import SUFFIXES
from analysis.tables import layout
from nist.benchmarks.results_file import read
from nist.studies import study

SETTINGS = "tablea1"  # made from the studies' files alone
COSTS = ("crossover", "deployment", "heads", "trainer")
DRAWINGS = ("fig1", "fig2", "figa1")


def shown_in(experiments: list[study.Study], manifest: dict) -> dict[str, dict[str, str]]:
    """Figures and tables of each study's section, by study: name and folder.

    What the paper has of a study lies in no folder; an item made from several studies stands with the first of them.
    """
    sections: dict[str, dict[str, str]] = {}
    for experiment in experiments:
        taken = {name for section in sections.values() for name, folder in section.items() if not folder}
        papers = [name for name in manifests.of_the_paper(manifest) if experiment.name in manifest[name]["studies"]]
        own = [name for name in experiment.content["feeds"] if name not in papers]
        sections[experiment.name] = {name: "" for name in papers if name not in {*taken, SETTINGS}}
        sections[experiment.name] |= dict.fromkeys(own, experiment.name)
    return sections


def paper_items(manifest: dict, shown: set[str], run: set[str]) -> list[dict]:
    """Every figure and table of the paper: number, title and files, where the page shows it, and what it lacks.

    ``shown`` are those that stand in full somewhere on the page, ``run`` the studies that there are runs of. Of what
    has no runs at all there are no files.
    """
    return [
        {
            "id": name,
            "number": number(name),
            "title": manifest[name]["title"],
            "shown": name in shown,
            "missing": [one for one in manifest[name]["studies"] if one not in run and name != SETTINGS],
            "links": _files(manifest[name]["kind"], Path(f"{manifest[name]['kind']}s") / name)
            if name == SETTINGS or not manifest[name]["studies"] or run & {*manifest[name]["studies"]}
            else [],
        }
        for name in manifests.of_the_paper(manifest)
        if number(name)
    ]


def cost_items(benchmarks: list[Path], manifest: dict, results: Path) -> list[dict]:
    """The figure and table of each ``layers.parquet``, in a folder named for its machine."""
    items = []
    for path in benchmarks:
        _, where = read(path)
        machine = "{device}, {threads} threads, torch {torch}, {measured:.10}".format(**where)
        folder = f"benchmarks/{path.parent.name}"
        items += [item(name, manifest, results, folder, machine=machine) for name in COSTS]
        for shown, table in zip(items[-len(COSTS) :], ("layers", "deployment"), strict=False):
            shown["links"].append(Path("tables", folder, f"{table}.csv"))  # every number
    return items


def item(name: str, manifest: dict, results: Path, folder: str = "", **words: str) -> dict:
    """One figure or table: title, caption with ``words`` filled in, its content, and links to its files."""
    entry = manifest[name]
    path = Path(f"{entry['kind']}s") / folder / name
    shown = {
        "id": "-".join(filter(None, (*folder.split("/"), name))),
        "number": number(name),
        "wide": entry["kind"] == "table",
        **entry,
    }
    for word, text in words.items():
        shown["caption"] = shown["caption"].replace(f"{{{word}}}", text)
    shown["links"] = _files(entry["kind"], path)
    if entry["kind"] == "figure":
        svg = (results / path.with_suffix(".svg")).read_bytes()
        return shown | {"image": base64.b64encode(svg).decode()}
    table = cli.read_table(results / path.with_suffix(".csv"), dtype=str, keep_default_na=False)
    table, note = layout.split(table)
    shown["caption"] = " ".join(filter(None, (shown["caption"], note)))
    return shown | {"table": table.to_dict("split")}


def _files(kind: str, path: Path) -> list[Path]:
    return [path.with_suffix(suffix) for suffix in SUFFIXES[kind]]


def number(name: str) -> str:
    """A figure's or table's number as the paper writes it, ``Fig. A2`` for ``figa2``; nothing for what is not there."""
    for prefix, kind in (("fig", "Fig."), ("table", "Table")):
        if name.startswith(prefix):
            return f"{kind} {name.removeprefix(prefix).upper()}"
    return ""
