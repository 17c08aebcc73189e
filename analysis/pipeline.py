"""Inputs and outputs of the workflow's rules, for a configuration. Needs no Snakemake."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from analysis.contracts import STATISTICS, SUFFIXES
from analysis.metrics import runs
from analysis.published import replays, store
from nist.errors import InputError
from nist.studies import inheritance, plan, study

LOOKS = ("title", "edition", "variants", "feeds", "data", "model", "training")  # what an item shows beside statistics


class Pipeline:
    """The studies of a configuration with their metrics, published or to be made, and all that is made from these.

    Raises ``InputError`` that names what is wrong with the configuration, a study or a published file.
    """

    def __init__(self, config: dict):
        self.plan = plan.of_configuration(config)
        self.items = plan.items(self.plan.studies)
        self.paper_studies = plan.named_by(self.items)
        self.is_training = config["metrics_source"] != "published"
        kept: Mapping[str, Sequence[Path | str]] = {name: self.plan.kept(name) for name in self.plan.studies}
        self.remarks: list[str] = []
        if not self.is_training:
            kept, self.remarks = store.renderable(self.blocks[store.METRICS], self.plan.studies.values())
        self.studies = {name: self.plan.studies[name] for name in kept}
        self.checksums = {name: store.checksums(paths) for name, paths in kept.items()}

    @cached_property
    def blocks(self) -> store.ByKind:
        """All that is published."""
        return store.read_by_kind()

    def of_editions(self, *editions: str) -> list[str]:
        """Configured studies of these editions."""
        return [name for name, one in self.studies.items() if one.content["edition"] in editions]

    def published(self, name: str) -> list[str]:
        """Published metrics files of a study."""
        return [*self.checksums[name]]

    def made(self, name: str) -> list[str]:
        """Metrics files of a study that are to be made."""
        return self.plan.metrics(name) if self.is_training else []

    def statistics(self, names: Iterable[str], statistics: Iterable[str] = STATISTICS) -> list[str]:
        """Files of statistics of the configured ones of the studies ``names``."""
        there = [name for name in names if name in self.studies]
        return [f"results/statistics/{name}/{statistic}.csv" for name in there for statistic in statistics]

    def items_of(self, name: str | None, kind: str) -> list[str]:
        """Figures or tables of a study or, of ``None``, those of the paper that need no runs or have some."""
        if name:
            return plan.fed_by(self.studies[name], self.items, kind)
        papers = plan.of_the_paper(self.items, kind)
        return [one for one in papers if not self.items[one]["statistics"] or self._has_runs(one)]

    def _has_runs(self, item: str) -> bool:
        return any(name in self.studies for name in self.items[item]["studies"])

    def item_files(self, name: str | None, kind: str) -> list[str]:
        """Their files, all of the first format, then all of the next."""
        folder = f"results/{kind}s/{name}" if name else f"results/{kind}s"
        return [f"{folder}/{item}{suffix}" for suffix in SUFFIXES[kind] for item in self.items_of(name, kind)]

    def item_statistics(self, name: str | None, kind: str) -> list[str]:
        """Statistics that they show; of the paper's studies those that are configured, as nothing is trained for it."""
        entries = [self.items[item] for item in self.items_of(name, kind)]
        found = [self.statistics([name] if name else entry["studies"], entry["statistics"]) for entry in entries]
        return sorted({path for paths in found for path in paths})

    def item_modules(self, name: str | None, kind: str) -> list[str]:
        """Modules that make them."""
        return [plan.module_of(self.items, item) for item in self.items_of(name, kind)]

    def item_looks(self, name: str | None, kind: str) -> list:
        """What else decides them: looks of their studies, and their entries in the list of items."""
        shown = [self.studies[name]] if name else self.paper_studies.values()
        looks = [[one.content[key] for key in LOOKS] for one in shown]
        return [looks, {item: self.items[item] for item in self.items_of(name, kind)}]

    def item_options(self, name: str | None) -> list[str]:
        """Options of the command that makes them."""
        return [f"--study={name}"] if name else ["--paper", *(f"--study={one}" for one in self.paper_studies)]

    @property
    def shown(self) -> list[tuple[str | None, str]]:
        """Studies, and ``None`` for the paper, with each kind of items that they have."""
        return [(name, kind) for name in [None, *self.studies] for kind in SUFFIXES if self.items_of(name, kind)]

    def all_items(self, kind: str) -> list[str]:
        """The first file of each figure or table that there is."""
        suffix = SUFFIXES[kind][0]
        every = [path for name, its in self.shown if its == kind for path in self.item_files(name, kind)]
        return [path for path in every if path.endswith(suffix)]

    @cached_property
    def ledger_studies(self) -> list[str]:
        """Files of the paper's studies, configured or not: the ledger checks their settings without a run."""
        return plan.of_edition("paper")

    @cached_property
    def findings_studies(self) -> list[str]:
        """The same, and what is configured of their pilots and controls."""
        beside = [str(self.studies[name].path) for name in self.of_editions(*study.EVIDENCE)]
        return sorted({*self.ledger_studies, *beside})

    def replays(self) -> dict[str, str]:
        """Published replays of studies that are rendered from published runs, with their checksums."""
        if not any(self.checksums.values()):
            return {}
        found = self.blocks[store.REPLAYS].items()
        return store.checksums(path for path, block in found if runs.name(block)[0] in self.studies)

    def replays_to_train(self, seed: int | str) -> list[str]:
        """One seed of each variant that the studies train and that is published: ``seed``, or the ``first`` there is.

        Raises ``InputError`` if there is none.
        """
        metrics, wanted = self.blocks[store.METRICS].values(), None if isinstance(seed, str) else seed
        seeds = {name: replays.chosen(metrics, one, wanted) for name, one in self.studies.items()}
        if not any(seeds.values()):
            raise InputError(f"{store.FOLDER}: no published runs of {', '.join(self.studies)} to replay")
        return [
            f"results/replays/{name}/{variant}/seeds{one}-{one}.parquet"
            for name, chosen in seeds.items()
            for variant, one in chosen.items()
        ]


def extended_by(paths: Iterable[str]) -> list[str]:
    """Files beside the studies at ``paths`` that these are merged from: what they extend, and the defaults."""
    paths = {*paths}
    return sorted({str(file) for path in paths for file in inheritance.files(Path(path))} - paths)
