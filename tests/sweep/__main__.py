"""Put NIST into models of timm, torchvision and transformers, and count how that goes: see ``make sweep``."""

import argparse
import gc
import sys
import textwrap
import warnings
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase

from tests.sweep.models import Subject, subjects
from tests.sweep.outcomes import FAILED, OK, OUTCOMES, REMEDY, Result, tried


def main() -> int:
    """Print a line a model as it goes, then the counts; 1 if there is a failure, a bug in NIST or in the sweep."""
    parser = argparse.ArgumentParser(prog="python -m tests.sweep", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a model, or a pattern of them, as timm/vit_*")
    chosen = _chosen(parser, parser.parse_args().names)
    warnings.simplefilter("ignore")  # of the models' own; those of NIST are in the results
    results = []
    for subject in chosen:
        results.append(tried(subject))
        print(_line(results[-1]), flush=True)
        gc.collect()
    counts = Counter(result.outcome for result in results)
    print(", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES), end="; ")
    print(f"{len(results)} models in {sum(result.seconds for result in results):.0f} s")
    return int(counts[FAILED] > 0)


def _chosen(parser: argparse.ArgumentParser, patterns: Sequence[str]) -> list[Subject]:
    every = list(subjects())
    for pattern in patterns:
        if not any(fnmatchcase(subject.name, pattern) for subject in every):
            parser.error(f"there is no model {pattern!r}; names are like {every[0].name}")
    return [each for each in every if not patterns or any(fnmatchcase(each.name, pattern) for pattern in patterns)]


def _line(result: Result) -> str:
    message = result.message
    if result.outcome in (OK, REMEDY):
        message = textwrap.shorten(message, 160, placeholder=" …")
    return f"{result.model:<42} {result.outcome:<16} {result.seconds:5.1f} s  {message}"


if __name__ == "__main__":
    sys.exit(main())
