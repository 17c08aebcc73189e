"""``python -m analysis.findings``: see ``analysis.findings.page``."""

from analysis.findings.page import main
from nist.errors import run

if __name__ == "__main__":
    run(main)
