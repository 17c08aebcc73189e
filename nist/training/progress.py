"""How far the training of a block is, on a terminal and in a log."""

from tqdm import tqdm


class Progress:
    """A bar on a terminal, a plain line for every finished run elsewhere."""

    def __init__(self, name: str, variant: str, seeds: range, epochs: int):
        self.title, self.epochs, self.done = f"{name} {variant}", epochs, 0
        self.bar = tqdm(total=len(seeds) * epochs, desc=self.title, unit="epoch", disable=None)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.bar.close()

    def skip(self, epochs: int) -> None:
        """Count epochs that a checkpoint holds."""
        self.bar.update(epochs)
        self.done += epochs
        if epochs and self.bar.disable:
            print(f"{self.title}: going on after {epochs} of {self.bar.total} epochs", flush=True)

    def say(self, line: str) -> None:
        """Add a line to a log; a bar on a terminal moves by itself."""
        if self.bar.disable:
            print(f"{self.title}: {self.done} of {self.bar.total} epochs, {line}", flush=True)

    def update(self, row: dict) -> None:
        """Show the row of an epoch just finished."""
        self.bar.update()
        self.done += 1
        if self.bar.disable and row["epoch"] == self.epochs:
            state = "diverged" if row["diverged"] else "finished"
            result = f"validation accuracy {row['val_accuracy']:.4f}, {row['seconds']:.2f} s an epoch"
            print(f"{self.title} seed {row['seed']}: {state} epoch {row['epoch']}, {result}", flush=True)
