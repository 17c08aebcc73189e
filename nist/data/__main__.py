"""``python -m nist.data``: find, download if allowed, check and decode a data set."""

from nist.data.packed import main
from nist.errors import run

if __name__ == "__main__":
    run(main)
