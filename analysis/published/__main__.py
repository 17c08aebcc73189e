"""``python -m analysis.published``: what is published, or with ``--check`` whether it is whole."""

from analysis.published.store import main
from nist.errors import run

if __name__ == "__main__":
    run(main)
