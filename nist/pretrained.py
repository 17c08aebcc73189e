"""``python -m nist.pretrained``: find, download if allowed, and check published weights."""

from nist.errors import run
from nist.models.pretrained import main

if __name__ == "__main__":
    run(main)
