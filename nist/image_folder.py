"""``python -m nist.image_folder``: decode class folders or shards of images once, into a cache."""

from nist.data.folders import main
from nist.errors import run

if __name__ == "__main__":
    run(main)
