"""The training of a block of seeds: together or one by one, from where a checkpoint left off."""

from collections.abc import Callable, Iterator
from itertools import groupby

import torch

from nist.checkpoint import Checkpoint
from nist.loop import Run
from nist.stack import Stack, can_stack

LARGEST_STACKED = 5_000_000  # parameters; a larger network fills a GPU by itself


class Block:
    """Seeds of one configuration, their rows so far, and what their unfinished runs go on from.

    ``make_run`` builds the run of a seed; ``together`` is the most runs that are advanced at once, 0 for as many as
    make sense: one on a CPU, where stacking gains nothing, all on a GPU if the network is small enough for it to pay.
    Every run is trained up to epoch ``epochs``. ``states`` keeps those of finished runs only with ``keep``.
    """

    def __init__(
        self,
        make_run: Callable[[int], Run],
        seeds: range,
        epochs: int,
        checkpoint: Checkpoint,
        together: int = 0,
        keep: bool = False,
    ):
        self.make_run, self.seeds, self.epochs = make_run, seeds, epochs
        self.checkpoint, self.together, self.keep = checkpoint, together, keep
        self.rows: dict[int, list[dict]] = {seed: [] for seed in seeds}
        for row in checkpoint.rows:
            self.rows[row["seed"]].append(row)
        self.states = dict(checkpoint.states)

    def train(self, identity: dict, sessions: list[dict]) -> Iterator[dict]:
        """Train every unfinished run to its end and yield its rows, ``identity`` in each, as they are measured."""
        unfinished = sorted((seed for seed in self.seeds if self._epoch(seed) < self.epochs), key=self._epoch)
        for _, same_epoch in groupby(unfinished, key=self._epoch):
            waiting = list(same_epoch)
            size = self._size(waiting[0]) if len(waiting) > 1 else 1
            while waiting:
                group, waiting = waiting[:size], waiting[size:]
                try:
                    yield from self._advance(group, identity, sessions)
                except torch.OutOfMemoryError:
                    if len(group) == 1:
                        raise
                    self._go_back(group)
                    size, waiting = (len(group) + 1) // 2, group + waiting
                    torch.cuda.empty_cache()

    def finished_rows(self) -> list[dict]:
        """All rows, by seed and epoch."""
        return [row for seed in self.seeds for row in self.rows[seed]]

    def _epoch(self, seed: int) -> int:
        return len(self.rows[seed])

    def _size(self, seed: int) -> int:
        run = self.make_run(seed)
        if not can_stack(run):
            return 1
        small = sum(parameter.numel() for parameter in run.network.parameters()) <= LARGEST_STACKED
        return self.together or (len(self.seeds) if small and run.device.type == "cuda" else 1)

    def _advance(self, group: list[int], identity: dict, sessions: list[dict]) -> Iterator[dict]:
        runs = [self._run(seed) for seed in group]
        stack = Stack(runs) if len(runs) > 1 else None
        for measured in stack.epochs(self.epochs) if stack else ([row] for row in runs[0].epochs(self.epochs)):
            for seed, row in zip(group, measured, strict=True):
                self.rows[seed].append({**identity, "seed": seed, **row})
                yield self.rows[seed][-1]
            is_due, finished = self.checkpoint.is_due(), self._epoch(group[0]) == self.epochs
            if is_due or (self.keep and finished):
                states = stack.states() if stack else [runs[0].state()]
                self.states |= dict(zip(group, states, strict=True))
            if is_due:
                needed = [seed for seed in self.states if self.keep or self._epoch(seed) < self.epochs]
                self.checkpoint.write(self.finished_rows(), sessions, {seed: self.states[seed] for seed in needed})

    def _run(self, seed: int) -> Run:
        run = self.make_run(seed)
        if self._epoch(seed):
            run.restore(self.states[seed])
        return run

    def _go_back(self, group: list[int]) -> None:
        """Forget the epochs of ``group`` that no state goes on from."""
        for seed in group:
            kept = int(self.states[seed]["progress"][0]) if seed in self.states else 0
            del self.rows[seed][kept:]
