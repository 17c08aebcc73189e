"""``python -m analysis.report``: see ``analysis.report.page``."""

from analysis.report.page import main
from nist.errors import run

if __name__ == "__main__":
    run(main)
