"""The rule by which automatic layers choose their form, scaled to the machine at hand in a second."""

import os
from pathlib import Path

import numpy as np
import torch
import yaml

from nist import digest
from nist.benchmarks.layers import Case, candidates
from nist.benchmarks.timing import Trial, in_turns
from nist.runtime import provenance
from nist.runtime.files import replacing
from nist.sparse import cost_model
from nist.sparse.kernels import FORMS
from nist.sparse.mask import Band

CASES = (
    Case("calibration", 512, 512, 64, 1),
    Case("calibration", 512, 512, 64, 50),
    Case("calibration", 1024, 1024, 64, 10),
    Case("calibration", 1024, 1024, 64, 10, 0.1),
)


def calibrate(seconds: float = 1.0, device: torch.device | str | None = None) -> dict[str, float]:
    """Let automatic layers choose their form by what this machine takes, in this process from now on.

    Training steps of a few layers are timed in every form for about ``seconds``, and each form's predicted time is
    multiplied by the median ratio to what it took. That is done once a machine (processor, threads, torch) and kept in
    ``~/.cache/nist``, or under ``$XDG_CACHE_HOME``. Layers that are there already choose anew with ``nist.reform``.
    ``device`` is the GPU if there is one, else the CPU. Returns the ratios by form, and of ``gathered`` layers.
    """
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    path, ways = _cache(where), cost_model.ways(where.type)
    ratios = _kept(path, ways)
    if ratios is None:
        cost_model.scale(where.type, dict.fromkeys(ways, 1.0))  # an earlier call may have been of other threads
        with torch.random.fork_rng():  # a seeded program draws the same, whether there is a file or not
            ratios = _ratios(where, seconds)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_text(yaml.safe_dump(ratios), encoding="utf-8")
    cost_model.scale(where.type, ratios)
    return ratios


def _kept(path: Path, ways: list[str]) -> dict[str, float] | None:
    """Ratios measured before; ``None`` if there are none, or the file is damaged."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {way: float(found[way]) for way in ways}
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return None


def _cache(device: torch.device) -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    machine = [provenance.device_name(device), torch.get_num_threads(), torch.__version__]
    scaled = {"machine": machine, "costs": cost_model.COEFFICIENTS.read_text(encoding="utf-8")}
    return home / "nist" / f"costs-{digest.of_configuration(scaled)[:16]}.yaml"


def _ratios(device: torch.device, seconds: float) -> dict[str, float]:
    """Measured over predicted time of a training step, by way: the median over cases."""
    found: dict[str, list[float]] = {way: [] for way in cost_model.ways(device.type)}
    for case in CASES:
        layers = {form: layer for form, layer in candidates(case, device).items() if form in FORMS}
        trials = {form: Trial(layer, case.n_in, case.n_out, case.rows, device) for form, layer in layers.items()}
        times = np.median(in_turns(trials, seconds / len(CASES)).sum(-1), axis=0)
        band = Band(case.n_in, case.n_out, case.k)
        for form, measured in zip(trials, times, strict=True):
            step = form, band, int(case.kept * band.n_weights), case.rows, device.type
            found[cost_model.way_of(*step)].append(measured / cost_model.seconds(*step))
    return {way: float(np.median(each)) for way, each in found.items()}
