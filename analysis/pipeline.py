"""Inputs and outputs of the workflow's rules, for a configuration. Needs no Snakemake."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from analysis import manifest
from analysis.contracts import STATISTICS, SUFFIXES
from analysis.metrics import runs
from analysis.published import replays, store
from nist.errors import InputError
from nist.studies import inheritance, plan, study

LOOKS = ("title", "edition", "variants", "feeds", "data", "model", "training")  # what an item shows beside statistics


class Pipeline:
    """All published runs, the studies of a configuration beside them, and all that is made from these.

    ``said_by`` names what replaces keys of ``config/config.yaml``. Raises ``InputError`` that names what is wrong with
    the configuration, a study or a published file.
    """

    def __init__(self, config: dict, said_by: Mapping[str, str] | None = None):
        self.plan = plan.of_configuration(config, said_by)
        self.items = manifest.read(self.plan.studies)
        self.paper_studies = manifest.named_by(self.items)
        self.is_training = config["metrics_source"] != "published"
        self.remarks: list[str] = []
        self.studies, kept = self._rendered()
        if self.is_training:
            self.studies |= self.plan.studies
            kept |= {name: self.plan.kept(name) for name in self.plan.studies}
        if not self.studies:
            raise InputError(f"{store.FOLDER}: no published runs to render; train some, with metrics_source: complete")
        self.checksums = {name: store.checksums(paths) for name, paths in kept.items()}

    @cached_property
    def blocks(self) -> store.ByKind:
        """All that is published; where something is trained, without what was trained as a study is no more."""
        outdated: dict[str, str] | None = {} if self.is_training else None
        blocks = store.read_by_kind(outdated=outdated)
        trained = self.plan.studies
        self.remarks += [
            f"published runs left out: {why}" for name, why in (outdated or {}).items() if name not in trained
        ]
        return blocks

    def _rendered(self) -> tuple[dict[str, study.Study], dict[str, Sequence[Path | str]]]:
        """Studies that are rendered from published runs alone, and their files; remarks on what is not published."""
        metrics, planned = self.blocks[store.METRICS], self.plan.studies
        names = {runs.name(block)[0] for block in metrics.values()}
        others = {name: study.load(name) for name in sorted(names - planned.keys())}
        asked = {} if self.is_training else {name: one for name, one in planned.items() if _is_evidence(one)}
        kept, remarks = store.renderable(metrics, asked.values())
        beside, lacking = store.renderable(metrics, others.values())
        self.remarks += [*remarks, *(one for one in lacking if one.partition(":")[0] not in beside)]
        files: dict[str, Sequence[Path | str]] = {**kept, **beside}
        return {name: (asked | others)[name] for name in files}, files

    def of_editions(self, *editions: str) -> list[str]:
        """Studies of these editions."""
        return [name for name, one in self.studies.items() if one.content["edition"] in editions]

    def published(self, name: str) -> list[str]:
        """Published metrics files of a study."""
        return [*self.checksums[name]]

    def made(self, name: str) -> list[str]:
        """Metrics files of a study that are to be made."""
        return [] if name in self.rendered else self.plan.metrics(name)

    def statistics(self, names: Iterable[str], statistics: Iterable[str] = STATISTICS) -> list[str]:
        """Files of statistics of those of the studies ``names`` that there are runs of."""
        there = [name for name in names if name in self.studies]
        return [f"results/statistics/{name}/{statistic}.csv" for name in there for statistic in statistics]

    def decides(self, names: Iterable[str]) -> list:
        """What decides statistics beside rows that are made and code: settings, variants and published files.

        A variant that is not run counts too: families of comparisons are as large as planned.
        """
        studies = [self.studies[name] for name in names]
        return [
            [one.content["statistics"], {name: one.is_dense(name) for name in one.variants}, self.checksums[one.name]]
            for one in studies
        ]

    def items_of(self, name: str | None) -> list[str]:
        """Figures and tables of a study or, of ``None``, of the paper: drawings, and what there are runs of."""
        if name:
            return [item for kind in SUFFIXES for item in manifest.fed_by(self.studies[name], self.items, kind)]
        return [
            item
            for kind in SUFFIXES
            for item in manifest.of_the_paper(self.items, kind)
            if not self.items[item]["statistics"] or {*self.items[item]["studies"]} & self.studies.keys()
        ]

    def items_by_study(self, names: Iterable[str | None]) -> list[tuple[str | None, str]]:
        """Items of several studies, each with its study."""
        return [(name, item) for name in names for item in self.items_of(name)]

    def item_files(self, names: Iterable[str | None], is_first: bool = True) -> list[str]:
        """Their files, of the format that is shown or of the others."""
        files = []
        for name, item in self.items_by_study(names):
            kind = self.items[item]["kind"]
            suffixes = SUFFIXES[kind][:1] if is_first else SUFFIXES[kind][1:]
            files += ["/".join(filter(None, ["results", f"{kind}s", name, f"{item}{suffix}"])) for suffix in suffixes]
        return files

    def item_statistics(self, names: Iterable[str | None]) -> list[str]:
        """Statistics that they show; of the paper's studies those that there are, as nothing is trained for it."""
        entries = [(name, self.items[item]) for name, item in self.items_by_study(names)]
        found = [self.statistics([name] if name else entry["studies"], entry["statistics"]) for name, entry in entries]
        return sorted({path for paths in found for path in paths})

    def item_modules(self, names: Iterable[str | None]) -> list[str]:
        """Modules that make them."""
        items = sorted({item for _, item in self.items_by_study(names)})
        writers = [f"analysis.{self.items[item]['kind']}s.item" for item in items]
        return [*writers, *(manifest.module_of(self.items, item) for item in items)]

    def item_looks(self, names: Iterable[str | None]) -> list:
        """What else decides them: looks of their studies, and their entries in the list of items."""
        shown = [one for name in names for one in ([self.studies[name]] if name else self.paper_studies.values())]
        looks = [[one.content[key] for key in LOOKS] for one in shown]
        return [looks, {item: self.items[item] for _, item in self.items_by_study(names)}]

    def item_options(self, names: Iterable[str | None]) -> list[str]:
        """Options of the command that makes them."""
        if studies := [name for name in names if name]:
            return [f"--study={name}" for name in studies]
        items = [f"--only={item}" for item in self.items_of(None)]
        return ["--paper", *items, *(f"--study={one}" for one in self.paper_studies)]

    @property
    def rendered(self) -> list[str]:
        """Studies of which nothing is trained. They share processes: most of the time of one of its own is imports."""
        return [name for name in self.studies if not (self.is_training and name in self.plan.studies)]

    @property
    def item_jobs(self) -> dict[str, list[str | None]]:
        """Rules that make items, and of which studies; ``None`` is the paper."""
        jobs: dict[str, list[str | None]] = {"paper_items": [None], "published_items": [*self.rendered]}
        jobs |= {f"items_of_{name}": [name] for name in self.studies if name not in self.rendered}
        return {job: names for job, names in jobs.items() if self.items_by_study(names)}

    @cached_property
    def ledger_studies(self) -> list[str]:
        """Files of the paper's studies, run or not, as a setting needs no run, and of the readings that were run."""
        readings = [str(self.studies[name].path) for name in self.of_editions("reading")]
        return sorted({*plan.of_edition("paper"), *readings})

    @cached_property
    def findings_studies(self) -> list[str]:
        """The same, and what there is of their pilots and controls."""
        beside = [str(self.studies[name].path) for name in self.of_editions(*study.EVIDENCE)]
        return sorted({*self.ledger_studies, *beside})

    def replays(self) -> dict[str, str]:
        """Published replays of studies that are rendered from published runs, with their checksums."""
        found = self.blocks[store.REPLAYS].items()
        return store.checksums(path for path, block in found if self.checksums.get(runs.name(block)[0]))

    def replays_to_train(self, seed: int | str) -> list[str]:
        """One seed of each variant that the configured studies train and that is published: ``seed``, or the ``first``.

        Raises ``InputError`` if there is none.
        """
        metrics, wanted = self.blocks[store.METRICS].values(), None if isinstance(seed, str) else seed
        seeds = {name: replays.chosen(metrics, one, wanted) for name, one in self.plan.studies.items()}
        if not any(seeds.values()):
            never = [
                f"{one.name} is of edition {one.content['edition']!r}"
                for one in self.plan.studies.values()
                if not _is_evidence(one)
            ]
            why = f"; {never[0]}, which is never published" if never else "; publish some first, with make publish"
            raise InputError(f"{store.FOLDER}: no published runs of {', '.join(seeds)} to replay{why}")
        return [
            f"results/replays/{name}/{variant}/seeds{one}-{one}.parquet"
            for name, chosen in seeds.items()
            for variant, one in chosen.items()
        ]


def _is_evidence(one: study.Study) -> bool:
    """Whether runs of a study can be published."""
    return one.content["edition"] in study.EVIDENCE


def extended_by(paths: Iterable[str]) -> list[str]:
    """Files beside the studies at ``paths`` that these are merged from: what they extend, and the defaults."""
    paths = {*paths}
    return sorted({str(file) for path in paths for file in inheritance.files(Path(path))} - paths)
