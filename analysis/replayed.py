"""``python -m analysis.replayed``: see ``analysis.published.compare``."""

from analysis.published.compare import main
from nist.errors import run

if __name__ == "__main__":
    run(main)
