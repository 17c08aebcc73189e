"""How many runs, jobs and epochs a study is, for any number of seeds, as the rules of training have them."""

from typing import NamedTuple

from nist.studies import study


class Jobs(NamedTuple):
    """Counts of a study: ``runs`` that it trains, ``epochs`` of all of them with trunks trained once, and jobs.

    ``blocks`` are jobs of training, ``trunks`` of what pruned variants share, ``taken`` of runs that another study
    trains; ``files`` are those of metrics.
    """

    runs: int
    epochs: int
    blocks: int
    trunks: int
    taken: int

    @property
    def files(self) -> int:
        return self.blocks + self.taken


def of(experiment: study.Study, n_seeds: int, size: int) -> Jobs:
    """The jobs of ``n_seeds`` seeds of every variant, ``size`` of them a job."""
    first, epochs = experiment.seeds.start, experiment.content["training"]["epochs"]
    blocks = len(study.blocks(range(first, first + n_seeds), size))
    shared = {name: experiment.trunk(name) for name in experiment.trained}
    trunks = {trunk.key: trunk.epoch for trunk in shared.values() if trunk}
    own = [epochs - (trunk.epoch if trunk else 0) for trunk in shared.values()]
    n_taken = len(experiment.variants) - len(shared)
    return Jobs(
        runs=n_seeds * len(shared),
        epochs=n_seeds * (sum(own) + sum(trunks.values())),
        blocks=blocks * len(shared),
        trunks=blocks * len(trunks),
        taken=blocks * n_taken,
    )
