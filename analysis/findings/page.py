"""The findings as Markdown, from a template that computes no number itself and states none that it is not given."""

import argparse
import re
from pathlib import Path

import jinja2

from analysis import formatting, study_results
from analysis.claims import claim, ledger_file
from analysis.findings.facts import StudyFacts
from analysis.findings.verdicts import Verdicts
from analysis.study_results import Source
from nist.runtime.files import replacing
from nist.studies import study

TEMPLATE = Path(__file__).with_name("findings.md.jinja")
WORDS = (formatting.points, formatting.percent, formatting.interval_in_points)


def page(given: list[Source], ledger: Verdicts) -> str:
    """Markdown: a section for every study of the paper that has been run, and how to run the others.

    ``given`` are the studies that the text may speak of, run or not; ``ledger`` has a verdict on every claim.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE.parent),
        autoescape=False,  # it is Markdown; the report escapes what it makes of it
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {one.__name__: one for one in WORDS} | {"interval_says": formatting.said}
    run = {source.study.name: StudyFacts(source, ledger.claims) for source in given if source.is_run}
    missing = [source.study for source in given if not source.is_run and source.study.content["edition"] == "paper"]
    text = environment.get_template(TEMPLATE.name).render(run=run, missing=missing, ledger=ledger)
    return re.sub(r"\n{3,}", "\n\n", text)  # where a part was left out


def main(argv: list[str] | None = None) -> None:
    """Write the findings from the ledger and the statistics of the studies given."""
    parser = argparse.ArgumentParser(prog="python -m analysis.findings", description=main.__doc__)
    parser.add_argument("--studies", nargs="+", required=True, type=study.load, help="names or YAML files of studies")
    parser.add_argument("--claims", required=True, type=Path, help="claims.csv of analysis.claims")
    parser.add_argument("inputs", nargs="*", type=Path, help="statistics, CSV files in folders named for their studies")
    parser.add_argument("-o", "--output", required=True, type=Path, help="Markdown file")
    arguments = parser.parse_args(argv)
    ledger = Verdicts(ledger_file.read(arguments.claims), claim.read())
    with replacing(arguments.output) as temporary:
        temporary.write_text(page(study_results.read(arguments.studies, arguments.inputs), ledger), encoding="utf-8")
