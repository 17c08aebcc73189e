"""``python -m nist.calibration``: fit the rule of costs to measurements."""

from nist.benchmarks.fit_cost_model import main
from nist.errors import run

if __name__ == "__main__":
    run(main)
