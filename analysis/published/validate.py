"""What metrics files must be to stand for the paper: whole runs of its studies as these are configured now."""

from pathlib import Path

from analysis.metrics import runs
from nist import digest
from nist.errors import InputError
from nist.metrics_file import MetricsFile
from nist.studies import checks, study

# What the statistics, the report and the provenance read of a description, beyond what nist.metrics_file insists on.
DESCRIBED = {
    **dict.fromkeys(["training_code_digest", "device", "precision", "started", "ended"], str),
    **dict.fromkeys(["versions", "parameters"], dict),
    **dict.fromkeys(["training_images", "validation_images"], int),
}

MOST_SECONDS = 1e12  # of a stop
MOST_JOULES = 1e15  # of a session: of numbers below it every sum is finite
# What sessions say of runs, by seed: nist.sparse.effective.Paths, and the cost of nist.training.comparison.
TOLD = {"paths": {"effective", "unused", "unreached"}, "method": {"images", "seconds"}}
MOST_OUTPUTS = 10**6  # of a head


def read(paths: list[Path], outdated: dict[str, str] | None = None) -> dict[Path, MetricsFile]:
    """Read metrics files and check that they are runs of studies as these are configured now, none twice.

    Raises ``InputError`` that names the first file for which that is not so. With ``outdated``, runs that do not fit
    their study as it is now are none, and it says why, by the study's name.
    """
    blocks = runs.read_blocks(paths) if paths else {}
    experiments = {path.stem: path for path in study.FOLDER.glob("*.yaml")}
    wanted = {runs.name(block)[0] for block in blocks.values()}
    loaded = {name: study.load(experiments[name]) for name in sorted(wanted & experiments.keys())}
    for path, block in blocks.items():
        name = runs.name(block)[0]
        try:
            if name not in loaded:
                raise InputError(f"{path}: runs of the study {name!r}, which is not in {study.FOLDER}")
            check(path, block, loaded[name])
        except InputError as error:
            if outdated is None:
                raise
            outdated.setdefault(name, str(error))
    runs.check_together(blocks)
    return blocks


def check_description(path: Path, description: dict) -> None:
    """Check what a block says of itself beside its runs, so that a page can show it. Raises ``InputError``."""
    if lacking := DESCRIBED.keys() - description.keys():
        raise InputError(f"{path}: metadata lacks {', '.join(sorted(lacking))}")
    commit = description.get("commit")  # None where there was no repository
    said = {**description, "commit": "" if commit is None else commit}
    for name, kind in {**DESCRIBED, "commit": str}.items():
        value = said[name]
        texts = [*value, *value.values()] if name == "versions" and isinstance(value, dict) else [value]
        if type(value) is not kind or not all(_is_line(text) for text in texts if name == "versions" or kind is str):
            raise InputError(f"{path}: metadata: {name} is {value!r}; expected what training writes there")
    sessions = description.get("sessions", [])
    if not (isinstance(sessions, list) and all(map(_is_session, sessions))):
        raise InputError(f"{path}: metadata: sessions is {sessions!r:.200}; expected what training writes there")


def _is_session(session: object) -> bool:
    """Whether the optional entries of a session are valid.

    Energy, outputs cut off, runs at once, priority, stops, and by seed the paths of a head and a method's cost.
    """
    if not isinstance(session, dict):
        return False
    energy, cut_off = session.get("joules"), session.get("unreached_outputs", {})
    is_energy = energy is None or (type(energy) is float and 0 <= energy < MOST_JOULES)
    is_number_of_runs = type(at_once := session.get("runs_at_once", 1)) is int and at_once > 0
    is_priority = type(session.get("niceness", 0)) is int
    is_duration = type(stopped := session.get("stopped_seconds", 0.0)) is float and 0 <= stopped < MOST_SECONDS
    is_count = isinstance(cut_off, dict) and all(map(_is_count_of_seed, cut_off.items()))
    are_told = all(_are_numbers_by_seed(session.get(name, {}), keys) for name, keys in TOLD.items())
    return is_energy and is_number_of_runs and is_priority and is_duration and is_count and are_told


def _are_numbers_by_seed(told: object, keys: set[str]) -> bool:
    """Whether ``told`` has for each of its seeds a number from 0 for each of ``keys``."""
    if not isinstance(told, dict) or not all(str(seed).isdecimal() for seed in told):
        return False
    return all(
        isinstance(one, dict) and one.keys() == keys and all(map(_is_amount, one.values())) for one in told.values()
    )


def _is_amount(number: object) -> bool:
    return type(number) in (int, float) and 0 <= number < MOST_SECONDS  # type: ignore[operator]


def _is_count_of_seed(item: tuple[object, object]) -> bool:
    seed, count = item
    return str(seed).isdecimal() and type(count) is int and 0 <= count < MOST_OUTPUTS


def _is_line(text: object) -> bool:
    return isinstance(text, str) and text.isprintable()


def check(path: Path, block: MetricsFile, experiment: study.Study) -> None:
    """Check that a block holds whole runs of one variant of ``experiment`` as it is now. Raises ``InputError``."""
    if experiment.content["edition"] not in study.EVIDENCE:
        edition = experiment.content["edition"]
        raise InputError(
            f"{path}: {experiment.name} is a study of edition {edition!r}; published are {', '.join(study.EVIDENCE)}"
        )
    if any(len(block.table[column].unique()) > 1 for column in runs.GROUP):
        raise InputError(f"{path}: holds runs of several studies or variants; a file is of one")
    check_description(path, block.description)
    variant, seeds = runs.name(block)[1], block.description["seeds"]
    if variant not in experiment.variants:
        known = ", ".join(experiment.variants)
        raise InputError(f"{path}: variant {variant!r} is not in {experiment.path}; there are {known}")
    if unknown := set(seeds) - set(experiment.seeds):
        raise InputError(f"{path}: seed {min(unknown)} is not among the study's, {experiment.content['seeds']}")
    current = experiment.configuration(variant)
    trained, full = block.description["epochs"], current["training"]["epochs"]
    if trained != full:
        raise InputError(f"{path}: trained for {trained} epochs where {experiment.path} says {full}")
    if block.description["configuration_digest"] != digest.of_configuration(current):
        change = checks.first_difference(block.description["configuration"], current)
        raise InputError(f"{path}: trained with another configuration than {experiment.path} has now: {change}")
