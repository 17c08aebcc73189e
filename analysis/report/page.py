"""The page as HTML: claims and verdicts, every figure and table of the configured studies, what they were made from."""

import argparse
import base64
import os
from pathlib import Path

import jinja2
import pandas as pd

from analysis import cli
from analysis.contracts import SUFFIXES
from analysis.metrics import runs
from analysis.published.provenance import NOT_RECORDED, joules
from analysis.report import assumptions, curves, findings, replays, verdicts
from nist.benchmarks.results_file import read
from nist.metrics_file import MetricsFile
from nist.runtime.files import replacing
from nist.studies import study, yaml_file

SETTINGS = "tablea1"  # made from the studies' files alone
DRAWINGS = ("fig1", "fig2", "figa1")
TEMPLATE = Path(__file__).with_name("page.html.jinja")


def page(**content) -> str:
    """The whole page as HTML, with everything it shows inside it.

    ``studies`` come from ``study_section``, ``claims`` from ``analysis.report.verdicts.section``, ``findings`` from
    ``analysis.report.findings.section``, ``method`` and ``costs`` (what belongs to no study) are lists from ``item``,
    ``assumptions`` are tables by heading, ``provenance`` is a table from ``provenance``, and ``replays`` one from
    ``analysis.report.replays.table``.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE.name).render(content)


def study_section(experiment: study.Study, blocks: dict[Path, MetricsFile], results: Path, items: list[dict]) -> dict:
    """What the page shows of one study: title, description, configuration, its runs, and ``items`` from ``item``."""
    frame = runs.join(blocks)
    counts = runs.count(frame)
    descriptions = [block.description for block in blocks.values()]
    described = descriptions[0]
    return {
        "name": experiment.name,
        "title": experiment.title,
        "edition": experiment.content["edition"],
        "description": experiment.content["description"],
        "facts": {
            "Training images": f"{described['training_images']:,}",
            "Validation images": f"{described['validation_images']:,}",
            "Epochs": str(described["epochs"]),
            "Runs": in_words(counts),
            "Device": _distinct(descriptions, "device"),
            "Precision": _distinct(descriptions, "precision"),
            "Versions": "; ".join(sorted({_versions(description) for description in descriptions})),
            "Seeds": seeds_in_words(descriptions),
        },
        "curves": curves.explorer(frame, experiment),
        "files": [Path(os.path.relpath(path, results)) for path in blocks],
        "items": items,
    }


def shown_in(experiments: list[study.Study], manifest: dict) -> dict[str, dict[str, str]]:
    """Figures and tables of each study's section, by study: name and folder.

    What the paper has of a study lies in no folder; an item made from several studies stands with the first of them.
    """
    sections: dict[str, dict[str, str]] = {}
    for experiment in experiments:
        taken = {name for section in sections.values() for name, folder in section.items() if not folder}
        papers = [name for name in of_the_paper(manifest) if experiment.name in manifest[name]["studies"]]
        own = [name for name in experiment.content["feeds"] if name not in papers]
        sections[experiment.name] = {name: "" for name in papers if name not in {*taken, SETTINGS}}
        sections[experiment.name] |= dict.fromkeys(own, experiment.name)
    return sections


def of_the_paper(manifest: dict) -> list[str]:
    """Figures and tables that the paper has, in its order."""
    return [name for name, entry in manifest.items() if "studies" in entry]


def paper_items(manifest: dict, shown: set[str], run: set[str]) -> list[dict]:
    """Every figure and table of the paper: number, title and files, where the page shows it, and what it lacks.

    ``shown`` are those that stand in full somewhere on the page, ``run`` the studies that there are runs of.
    """
    return [
        {
            "id": name,
            "number": number(name),
            "title": manifest[name]["title"],
            "shown": name in shown,
            "missing": [one for one in manifest[name]["studies"] if one not in run and name != SETTINGS],
            "links": _files(manifest[name]["kind"], Path(f"{manifest[name]['kind']}s") / name),
        }
        for name in of_the_paper(manifest)
        if number(name)
    ]


def cost_items(benchmarks: list[Path], manifest: dict, results: Path) -> list[dict]:
    """The figure and table of each ``layers.parquet``, in a folder named for its machine."""
    items = []
    for path in benchmarks:
        _, where = read(path)
        machine = "{device}, {threads} threads, torch {torch}, {measured:.10}".format(**where)
        folder = f"benchmarks/{path.parent.name}"
        items += [item(name, manifest, results, folder, machine=machine) for name in ("crossover", "heads", "trainer")]
        items[-3]["links"].append(Path("tables", folder, "layers.csv"))  # every form of every case
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
    return shown | {"table": table.to_dict("split")}


def _files(kind: str, path: Path) -> list[Path]:
    return [path.with_suffix(suffix) for suffix in SUFFIXES[kind]]


def number(name: str) -> str:
    """A figure's or table's number as the paper writes it, ``Fig. A2`` for ``figa2``; nothing for what is not there."""
    for prefix, kind in (("fig", "Fig."), ("table", "Table")):
        if name.startswith(prefix):
            return f"{kind} {name.removeprefix(prefix).upper()}"
    return ""


def in_words(counts: pd.DataFrame) -> str:
    """How many runs a variant has, from ``analysis.metrics.runs.count``: one number where all agree, else the range."""
    low, high, diverged = counts["n"].min(), counts["n"].max(), counts["n_diverged"].sum()
    text = (f"{low}" if low == high else f"{low} to {high}") + (" run a variant" if high == 1 else " runs a variant")
    return f"{text} ({diverged} diverged)" if diverged else text


def seeds_in_words(descriptions: list[dict]) -> str:
    """First and last seed, and that some between them are missing if they are."""
    seeds = sorted({seed for description in descriptions for seed in description["seeds"]})
    if len(seeds) == 1:
        return f"{seeds[0]}"
    whole = len(seeds) == seeds[-1] - seeds[0] + 1
    return f"{seeds[0]} to {seeds[-1]}" + ("" if whole else f", {len(seeds)} of them")


def provenance(blocks: dict[Path, MetricsFile], frame: pd.DataFrame) -> pd.DataFrame:
    """One row a variant, as text: runs, when they were trained, for how long, and from which configuration and code.

    Seconds of runs that advanced together are shares of one clock, so that seed-epochs a second are those of a job.
    """
    seconds = frame.groupby(runs.GROUP)["seconds"].agg(["mean", "sum", "size"])
    counts = runs.count(frame).set_index(runs.GROUP)
    rows = []
    for name, group in _by_variant(blocks).items():
        first = group[0]
        rows.append(
            {
                "Study": name[0],
                "Variant": name[1],
                "Runs": int(counts.loc[name, "n"]),
                "Diverged": int(counts.loc[name, "n_diverged"]),
                "Epochs": first["epochs"],
                "Seconds an epoch": f"{seconds.loc[name, 'mean']:.2f}",
                "Seed-epochs a second": f"{seconds.loc[name, 'size'] / seconds.loc[name, 'sum']:.2f}",
                "Minutes in all": f"{seconds.loc[name, 'sum'] / 60:.1f}",
                "kJ": _kilojoules(group),
                "Trained (UTC)": min(block["started"] for block in group)[:16].replace("T", " "),
                "Configuration": first["configuration_digest"][:12],
                "Training code": "; ".join(sorted({block["training_code_digest"][:12] for block in group})),
            }
        )
    return pd.DataFrame(rows)


def _kilojoules(group: list[dict]) -> str:
    """Energy of all blocks of a variant, where each of them recorded its own."""
    energies = [energy for description in group if (energy := joules(description)) is not None]
    return f"{sum(energies) / 1000:.1f}" if len(energies) == len(group) else NOT_RECORDED


def _by_variant(blocks: dict[Path, MetricsFile]) -> dict[tuple, list[dict]]:
    groups: dict[tuple, list[dict]] = {}
    for block in blocks.values():
        groups.setdefault(tuple(block.table[column][0].as_py() for column in runs.GROUP), []).append(block.description)
    return groups


def _distinct(group: list[dict], key: str) -> str:
    return "; ".join(sorted({block[key] for block in group}))


def _versions(block: dict) -> str:
    return ", ".join(f"{name} {version}" for name, version in block["versions"].items())


def main(argv: list[str] | None = None) -> None:
    """Build the page from metrics files and the figures and tables made from them."""
    parser = argparse.ArgumentParser("python -m analysis.report", description=main.__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--studies", nargs="+", required=True, type=study.load)
    parser.add_argument("--manifest", required=True, type=Path, help="config/figures.yaml")
    parser.add_argument("--results", required=True, type=Path, help="folder with figures/ and tables/")
    parser.add_argument("--claims", required=True, type=Path, help="claims.csv of analysis.claims")
    parser.add_argument("--findings", required=True, type=Path, help="findings.md of analysis.findings")
    parser.add_argument("--benchmarks", nargs="*", default=[], type=Path, help="layers.parquet files")
    parser.add_argument("--replays", nargs="*", default=[], type=Path, help="replays of published runs")
    parser.add_argument("inputs", nargs="+", type=Path, help="metrics files, or @FILE with their names, one a line")
    parser.add_argument("-o", "--output", required=True, type=Path)
    arguments = parser.parse_args(argv)
    with replacing(arguments.output) as temporary:
        temporary.write_text(page(**contents(arguments)), encoding="utf-8")


def _counted(counts: pd.DataFrame, name: str, entry: dict, folder: str) -> pd.DataFrame:
    """Runs of the studies that a figure or table is made from: its own, or all those of one of the paper's."""
    return counts[counts["study"].isin([name] if folder else entry["studies"])]


def contents(arguments: argparse.Namespace) -> dict:
    """Read the files that the arguments name into the content of the page."""
    blocks = runs.read_blocks(arguments.inputs)
    manifest, results = yaml_file.read(arguments.manifest), arguments.results
    frame = runs.join(blocks)
    counts, names = runs.count(frame), shown_in(arguments.studies, manifest)
    sections = []
    for one in arguments.studies:
        own = {path: block for path, block in blocks.items() if runs.name(block)[0] == one.name}
        items = [
            item(name, manifest, results, folder, runs=in_words(_counted(counts, one.name, manifest[name], folder)))
            for name, folder in names[one.name].items()
        ]
        sections.append(study_section(one, own, results, items))
    table = provenance(blocks, frame)
    return {
        "studies": sections,
        "claims": verdicts.section(verdicts.read(arguments.claims)),
        "findings": findings.section(arguments.findings),
        "method": [item(name, manifest, results) for name in DRAWINGS],
        "settings": item(SETTINGS, manifest, results),
        "paper": paper_items(
            manifest,
            {
                *DRAWINGS,
                SETTINGS,
                *(name for section in names.values() for name, folder in section.items() if not folder),
            },
            {one.name for one in arguments.studies},
        ),
        "costs": cost_items(arguments.benchmarks, manifest, results),
        "assumptions": {name: one.to_dict("split") for name, one in assumptions.read().items()},
        "provenance": table.to_dict("split"),
        "replays": replays.table(arguments.replays, blocks),
        "total_runs": int(table["Runs"].sum()),
    }
