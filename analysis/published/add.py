"""Adding metrics to those that are kept with the project, ``results/published``; see ``analysis.published``."""

import argparse
import shutil
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.published import store, validate
from analysis.published.store import FOLDER, KINDS, METRICS, PROVENANCE, REPLAYS, SUMS
from nist import correctness, metrics_file
from nist.errors import InputError, run
from nist.metrics_file import MetricsFile
from nist.runtime.files import replacing


def find(source: Path, name: str | None = None) -> list[Path]:
    """Metrics files of a folder laid out as ``results/metrics``, of the study ``name`` alone if one is given.

    Raises ``InputError`` if there are none, or if there are other Parquet files among them.
    """
    folder = source / name if name else source
    every = (path for path in folder.rglob("*.parquet") if not path.name.startswith("."))  # none half written
    found = sorted(path for path in every if not path.name.endswith(correctness.SUFFIX))
    if not found:
        raise InputError(f"{folder}: no metrics files here; expected {folder / '**' / 'seeds<first>-<last>.parquet'}")
    if other := next((path for path in found if not _says_what_it_is(path)), None):
        raise InputError(f"{other}: a Parquet file, but not of metrics; give the folder of the metrics alone")
    return found


def _says_what_it_is(path: Path) -> bool:
    """Whether a file has the description of a metrics file. Reading it says more of one that has, or is damaged."""
    try:
        return metrics_file.KEY in (pq.read_schema(path).metadata or {})
    except (pa.ArrowException, OSError):
        return True


def publish(sources: list[Path], kind: str = METRICS) -> dict[str, MetricsFile]:
    """Add metrics files to the published ones, with sums and provenance; return what was added, by name in ``FOLDER``.

    ``kind`` says whether they are runs, ``METRICS``, or ``REPLAYS`` of published ones. Files that are published already
    are passed over. With runs come the files that say which images they got right, where there are such. Everything is
    checked first, together with what is there, and raises ``InputError`` as ``analysis.published.store.read_by_kind``
    does. Then all is written under temporary names; ``SHA256SUMS`` takes its place last. If that is cut short, files
    are there that it does not list: they are refused by every reader, and publishing them again makes them whole.
    """
    sums = store.read_sums()
    sums.pop(PROVENANCE, None)  # it is written anew
    store.check_sums(sums)
    new = {kind: [path for path in sources if store.sha256(path) not in sums.values()]}
    there = store.paths_by_kind(sums)
    blocks = {each: validate.read([*there[each], *new.get(each, [])]) for each in KINDS}
    for each in KINDS:
        store.check_places({path: blocks[each][path] for path in there[each]}, each)
    places = {store.place(path, block, each): path for each in KINDS for path, block in blocks[each].items()}
    beside = _beside(places, blocks[METRICS])
    store.check_listed({*places, *beside, PROVENANCE})
    added = {name: path for name, path in sorted(places.items()) if name not in sums}
    _write({**added, **{name: path for name, path in beside.items() if name not in sums}}, sums, blocks)
    return {name: blocks[kind][path] for name, path in added.items()}


def _beside(places: dict[str, Path], blocks: dict[Path, MetricsFile]) -> dict[str, Path]:
    """What lies beside metrics files, by its name; checked against them."""
    return {
        str(correctness.path_of(Path(name))): correctness.path_of(path)
        for name, path in places.items()
        if path in blocks and correctness.read(path, blocks[path])
    }


def _write(new: dict[str, Path], sums: dict[str, str], blocks: store.ByKind) -> None:
    """Copy ``new`` into ``FOLDER`` and write its page and its sums, which are those of the bytes that were copied."""
    page = store.page_of(blocks)
    with ExitStack() as renames:  # the first to enter takes its place last
        listing = renames.enter_context(replacing(FOLDER / SUMS))
        text = renames.enter_context(replacing(FOLDER / PROVENANCE))
        text.write_text(page, encoding="utf-8")
        all_sums = {**sums, PROVENANCE: store.sha256(text)}
        for name, source in new.items():
            copy = renames.enter_context(replacing(FOLDER / name))
            shutil.copyfile(source, copy)
            all_sums[name] = store.sha256(copy)
        lines = [f"{value}  {name}\n" for name, value in sorted(all_sums.items())]
        listing.write_text("".join(lines), encoding="utf-8")


def main(argv: list[str] | None = None) -> None:
    """Check metrics files and add them to those that are kept with the project, results/published."""
    parser = argparse.ArgumentParser(prog="python -m analysis.published.add", description=main.__doc__)
    parser.add_argument("source", type=Path, help="folder laid out as results/metrics")
    parser.add_argument("--study", help="publish the runs of this study alone")
    parser.add_argument("--replays", action="store_true", help="they are replays of published runs")
    arguments = parser.parse_args(argv)
    found = find(arguments.source, arguments.study)
    added = publish(found, kind=REPLAYS if arguments.replays else METRICS)
    for name in added:
        print(f"published {FOLDER / name}")
    print(f"{len(added)} files added, {len(found) - len(added)} were published already")


if __name__ == "__main__":
    run(main)
