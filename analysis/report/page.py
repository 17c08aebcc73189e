"""The page as HTML: claims and verdicts, every figure and table of the configured studies, what they were made from."""

import argparse
import os
from functools import partial
from pathlib import Path

import jinja2
import pandas as pd

from analysis import cli
from analysis.claims import ledger_file
from analysis.manifest import MANIFEST
from analysis.metrics import runs
from analysis.report import assumptions, curves, evidence, findings, provenance, replays, texts, verdicts
from analysis.report.items import DRAWINGS, SETTINGS, cost_items, item, paper_items, shown_in
from analysis.study_results import Source
from nist.metrics_file import MetricsFile
from nist.runtime.files import replacing
from nist.studies import plan, study, yaml_file

TEMPLATE = Path(__file__).with_name("page.html.jinja")


def page(**content) -> str:
    """The whole page as HTML, with everything it shows inside it.

    ``studies`` come from ``study_section``, ``claims`` from ``analysis.report.verdicts.section``, ``findings`` from
    ``analysis.report.findings.section``, ``method`` and ``costs`` (what belongs to no study) are lists from
    ``analysis.report.items.item``, ``assumptions`` are tables by heading, ``provenance`` is a table from
    ``analysis.report.provenance.table``, and ``replays`` one from ``analysis.report.replays.table``.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    numbers = {row[0] for table in content["assumptions"].values() for row in table["data"]}
    environment.filters["reason"] = partial(texts.reason, numbers=numbers)
    return environment.get_template(TEMPLATE.name).render(content)


def study_section(source: Source, blocks: dict[Path, MetricsFile], results: Path, items: list[dict]) -> dict:
    """What the page shows of one study: its texts, the evidence of its statistics, its runs, and ``items``."""
    frame, experiment = runs.join(blocks), source.study
    return {
        "name": experiment.name,
        "title": experiment.title,
        "edition": experiment.content["edition"],
        "description": experiment.content["description"],
        "facts": provenance.facts(runs.count(frame), [block.description for block in blocks.values()]),
        "evidence": evidence.section(source),
        "curves": curves.explorer(runs.with_last_finite(frame), experiment, evidence.bands(source)),
        "files": [Path(os.path.relpath(path, results)) for path in blocks],
        "items": items,
    }


def _source(experiment: study.Study, results: Path) -> Source:
    """A study with those of its statistics that the page shows and that there are."""
    paths = {name: results / "statistics" / experiment.name / f"{name}.csv" for name in evidence.NEEDED}
    return Source(experiment, {name: cli.read_csv(path) for name, path in paths.items() if path.exists()})


def main(argv: list[str] | None = None) -> None:
    """Build the page from metrics files and the figures and tables made from them."""
    parser = argparse.ArgumentParser("python -m analysis.report", description=main.__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--studies", nargs="+", required=True, type=study.load)
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
    manifest, results = yaml_file.read(MANIFEST), arguments.results
    frame = runs.join(blocks)
    counts, names = runs.count(frame), shown_in(arguments.studies, manifest)
    sections = []
    for one in arguments.studies:
        own = {path: block for path, block in blocks.items() if runs.name(block)[0] == one.name}
        items = [
            item(
                *(name, manifest, results, folder),
                runs=provenance.in_words(_counted(counts, one.name, manifest[name], folder)),
            )
            for name, folder in names[one.name].items()
        ]
        sections.append(study_section(_source(one, results), own, results, items))
    table = provenance.table(blocks, frame)
    return {
        "studies": sections,
        "claims": verdicts.section(ledger_file.read(arguments.claims), _of_the_paper()),
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


def _of_the_paper() -> dict[str, study.Study]:
    """The paper's studies by name, run or not: claims are named by their titles and labels."""
    return {one.name: one for one in map(study.load, plan.of_edition("paper"))}
