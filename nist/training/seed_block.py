"""The training of a block of seeds: together or one by one, from where a checkpoint left off."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import groupby

import torch

from nist.errors import InputError, StoppedError
from nist.runtime.faults import cause_of
from nist.runtime.interruption import Interruption
from nist.training.checkpoint import Checkpoint
from nist.training.loop import Run
from nist.training.stacked import Stack, can_stack

LARGEST_STACKED = 5_000_000  # parameters; a larger network fills a GPU by itself


class Block:
    """Seeds of one configuration, their rows so far, and what their unfinished runs go on from.

    ``make_run`` builds the run of a seed; ``together`` is the most runs that are advanced at once, 0 for as many as
    make sense: one on a CPU, where stacking gains nothing, all on a GPU if the network is small enough for it to pay.
    Every run is trained up to epoch ``epochs``. ``states`` keeps those of finished runs only with ``keep``. Asked to
    stop by ``interruption``, it does so at the end of an epoch. Raises ``InputError`` if the checkpoint is not of these
    seeds and epochs.
    """

    def __init__(
        self,
        make_run: Callable[[int], Run],
        seeds: range,
        epochs: int,
        checkpoint: Checkpoint,
        together: int = 0,
        keep: bool = False,
        interruption: Interruption | None = None,
    ):
        self.make_run, self.seeds, self.epochs = make_run, seeds, epochs
        self.checkpoint, self.together, self.keep = checkpoint, together, keep
        self.interruption = interruption or Interruption()
        self.rows = {seed: [row for row in checkpoint.rows if row["seed"] == seed] for seed in seeds}
        self.states = dict(checkpoint.states)
        self._check()

    def _check(self) -> None:
        total = sum(map(len, self.rows.values()))
        in_order = all(row["epoch"] == place for rows in self.rows.values() for place, row in enumerate(rows, start=1))
        too_many = any(len(rows) > self.epochs for rows in self.rows.values())
        begun = {seed for seed in (self.seeds if self.keep else self._unfinished()) if self.rows[seed]}
        if total != len(self.checkpoint.rows) or not in_order or too_many or begun - self.states.keys():
            raise InputError(
                f"{self.checkpoint.source}: not of seeds {self.seeds.start}-{self.seeds.stop - 1} at {self.epochs} "
                "epochs, or not whole; remove it and start again"
            )

    def train(self, identity: dict, sessions: list[dict]) -> Iterator[dict]:
        """Train every unfinished run to its end and yield its rows, ``identity`` in each, as they are measured.

        Those that have begun come first: the fewer are half trained, the fewer states a checkpoint holds.
        """
        unfinished = sorted(self._unfinished(), key=self._epoch, reverse=True)
        for _, same_epoch in groupby(unfinished, key=self._epoch):
            waiting = list(same_epoch)
            size = self._size(waiting[0]) if len(waiting) > 1 else 1
            while waiting:
                group, waiting = waiting[:size], waiting[size:]
                try:
                    yield from self._advance(group, identity, sessions)
                    continue
                except torch.OutOfMemoryError:
                    if len(group) == 1:
                        raise
                # The error is gone here, and with it the stack that its frames held.
                self._go_back(group)
                size, waiting = (len(group) + 1) // 2, group + waiting
                torch.cuda.empty_cache()

    def finished_rows(self) -> list[dict]:
        """All rows, by seed and epoch."""
        return [row for seed in self.seeds for row in self.rows[seed]]

    def write_checkpoint(self, sessions: list[dict]) -> None:
        """Keep all rows, and the states that something goes on from."""
        needed = [seed for seed in self.states if self.keep or self._epoch(seed) < self.epochs]
        self.checkpoint.write(self.finished_rows(), sessions, {seed: self.states[seed] for seed in needed})

    def outlook(self) -> str:
        """How the block goes on when it is started again, in words."""
        kept = Counter(row["seed"] for row in self.checkpoint.rows)
        unfinished = [seed for seed in self.seeds if kept[seed] < self.epochs]
        if not unfinished:
            return "nothing is lost: started again, the job only writes what it has trained"
        seed = max(unfinished, key=lambda one: kept[one])
        where = f"epoch {kept[seed] + 1} of seed {seed}"
        amount = f"{kept.total()} of {len(self.seeds) * self.epochs} epochs kept"
        return f"resumable: started again, the block goes on from {where} ({amount})"

    def _unfinished(self) -> list[int]:
        return [seed for seed in self.seeds if self._epoch(seed) < self.epochs]

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
            # Runs of a stack are rounded otherwise than runs alone.
            sessions[-1]["runs_at_once"] = max(len(group), sessions[-1].get("runs_at_once", 0))
            for seed, row in zip(group, measured, strict=True):
                self.rows[seed].append({**identity, "seed": seed, **row})
                yield self.rows[seed][-1]
            asked, finished = self.interruption.asked, self._epoch(group[0]) == self.epochs
            is_due = self.checkpoint.is_due() or asked
            if finished and not self.keep:
                self.states = {seed: state for seed, state in self.states.items() if seed not in group}
            elif is_due or finished:
                states = stack.states() if stack else [runs[0].state()]
                self.states |= {seed: snapshot(state) for seed, state in zip(group, states, strict=True)}
            if is_due:
                self.write_checkpoint(sessions)
            if asked and self._unfinished():
                raise StoppedError(f"{asked}; {self.outlook()}")

    def _run(self, seed: int) -> Run:
        run = self.make_run(seed)
        if self._epoch(seed):
            try:
                run.restore(self.states[seed])
                if run.epoch != self._epoch(seed):
                    raise ValueError("state and rows are not of the same epoch")
            except (KeyError, ValueError, TypeError, IndexError, RuntimeError) as error:
                if cause_of(error):
                    raise
                raise InputError(
                    f"{self.checkpoint.source}: the state of seed {seed} does not fit; remove it and start again"
                ) from error
        return run

    def _go_back(self, group: list[int]) -> None:
        """Forget the epochs of ``group`` that no state goes on from."""
        for seed in group:
            kept = int(self.states[seed]["progress"][0]) if seed in self.states else 0
            del self.rows[seed][kept:]


def snapshot(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A copy of a run's changing state on the host: the device's memory is for runs that are trained."""
    return {name: value.detach().to("cpu", copy=True) for name, value in state.items()}
