"""``python -m analysis.claims [statistics …] --studies … -o results/claims.csv``."""

from analysis.claims.ledger import main
from nist.errors import run

if __name__ == "__main__":
    run(main)
