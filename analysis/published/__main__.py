"""``python -m analysis.published``: list the published runs, or with ``--check`` only check them."""

from analysis.published.store import main
from nist.errors import run

if __name__ == "__main__":
    run(main)
