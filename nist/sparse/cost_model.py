"""The rule by which an automatic layer chooses its form: a training step's predicted time, the least of them.

The time of a step (forward, backward, Adam) in a form is a sum over counts of work, each times a coefficient, in
seconds:

- ``steps``: 1, for what a step costs however small the layer;
- ``passes``: the passes over its data that a form makes one after the other;
- ``weights``: numbers in the weight as it is multiplied, with what Adam does to them;
- ``spilled``: those of them beyond the first ``CACHED``, which come from memory every time;
- ``products``: multiply-accumulates of a batch, forward;
- ``activations``: numbers that go in, come out or lie in between, in a batch.

A compressed layer has two sets of coefficients, ``compressed`` and ``gathered``: see ``nist.sparse.gathering``.
``costs.yaml`` holds the coefficients by kind of device, with where they were measured; ``python -m
nist.benchmarks.fit_cost_model`` fits them to what ``make bench`` has measured.
"""

from functools import cache
from pathlib import Path

import yaml

from nist.sparse import gathering
from nist.sparse.kernels import block_size
from nist.sparse.random_masks import Connectivity, as_band

TERMS = ("steps", "passes", "weights", "products", "activations", "spilled")
CACHED = 2**20  # 4 MB of float32, what a core's caches can hold
MARGIN = 0.05  # of the same step, from one run of the benchmark to the next, ratios scatter by as much
MASKED_PER_COMPRESSED = 9  # weights, of 5 bytes with their mask, in the memory of one of 44 with its places
COEFFICIENTS = Path(__file__).with_name("costs.yaml")


def cheapest(band: Connectivity, active_weights: int, rows: int, device: str) -> str:
    """The form with the least predicted step time for ``rows`` rows a batch on a kind of ``device``, as ``cpu``.

    The masked form, which is nothing new to anyone, is left only for one that promises to be faster by ``MARGIN``. A
    layer that has fewer weights than its band can only be masked or compressed, and none is compressed that would take
    more memory so. A kind of device that is not in
    ``costs.yaml`` is judged as a CPU.
    """
    saves_memory = MASKED_PER_COMPRESSED * active_weights <= band.n_in * band.n_out
    whole = band.is_regular and active_weights == band.n_weights
    possible = ["masked", *(("banded", "blocked") if whole else ()), *(("compressed",) if saves_memory else ())]
    times = {form: seconds(form, band, active_weights, rows, device) for form in possible}
    times["masked"] /= 1 + MARGIN
    return min(times, key=times.__getitem__)


def seconds(form: str, band: Connectivity, active_weights: int, rows: int, device: str) -> float:
    """Predicted seconds of a training step of a form, on ``rows`` rows a batch."""
    coefficients = table().get(device) or table()["cpu"]
    way = way_of(form, band, active_weights, rows, device)
    return predicted(coefficients[way], work(form, band, active_weights, rows))


def ways(device: str) -> list[str]:
    """The forms, and ``gathered`` where a kind of device knows it."""
    fitted = _fitted()
    return [name for name in fitted.get(device) or fitted["cpu"] if name != "source"]


def scale(device: str, ratios: dict[str, float]) -> None:
    """Multiply predicted times of a kind of device by ``ratios``, by way, in this process; each call starts anew."""
    fitted = _fitted()
    own = fitted.get(device) or fitted["cpu"]
    table()[device] = {way: {term: ratio * own[way][term] for term in TERMS} for way, ratio in ratios.items()}


def predicted(coefficients: dict[str, float], counts: dict[str, int]) -> float:
    """Seconds of one training step."""
    return sum(coefficients[term] * counts[term] for term in TERMS)


def way_of(form: str, band: Connectivity, active_weights: int, rows: int, device: str) -> str:
    """The form, or ``gathered`` for a compressed layer that a CPU multiplies so."""
    ends = min(band.n_in, active_weights) + min(band.n_out, active_weights)  # with a weight, at most
    is_small = rows <= gathering.most_rows(active_weights, ends)
    return "gathered" if form == "compressed" and device == "cpu" and is_small else form


def work(form: str, band: Connectivity, active_weights: int, rows: int) -> dict[str, int]:
    """Counts of work, by name in ``TERMS``, of one training step on ``rows`` rows."""
    n_in, n_out, k = band.n_in, band.n_out, band.k
    ends = rows * (n_in + n_out)
    counts: tuple[int, ...]
    if form == "masked":
        counts = 1, 1, n_in * n_out, rows * n_in * n_out, ends
    elif form == "compressed":
        counts = 1, 1, active_weights, rows * active_weights, ends
    else:
        band = as_band(band)
        places = band.width if band.is_spread else n_in
        if form == "banded":
            counts = k, k * places, rows * k * places, rows * k * (places + band.width)
        else:
            block = block_size(places, k)
            blocks, reach = -(-places // block), -(-(block + k - 1) // block)
            entries = blocks * block * reach * block
            counts = 1, entries, rows * entries, rows * blocks * reach * block
        counts = 1, *(band.parts * count for count in counts)
    return dict(zip(TERMS, (*counts, max(0, counts[2] - CACHED)), strict=True))


@cache
def table() -> dict[str, dict]:
    """Coefficients by kind of device, form and term, in seconds; and where they come from."""
    return _fitted()


def _fitted() -> dict[str, dict]:
    return yaml.safe_load(COEFFICIENTS.read_text(encoding="utf-8"))
