"""One encoded image, of any format and mode that Pillow reads, as 8-bit grey or RGB."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import BITSPERSAMPLE, TiffImageFile

from nist.errors import InputError


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Raise ``InputError`` that names the image for whatever Pillow raises of a broken one."""
    try:
        yield
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(f"{name}: not a readable image (no format that Pillow knows); fetch it again") from None
    except Exception as error:  # besides OSError, broken files raise SyntaxError, struct.error and more in Pillow
        raise InputError(f"{name}: not a readable image ({' '.join(str(error).split())}); fetch it again") from None


def eight_bit(image: Image.Image, mode: str, name: str) -> Image.Image:
    """``image`` upright, as its EXIF orientation has it, in ``mode``: L or RGB.

    Grey of 16 bits, or of 12 in TIFF, is scaled to 8; other modes are converted as Pillow does. Transparency is left
    out: the colour stored beneath it counts. Raises ``InputError`` for 32 bits a pixel, whose range is not known.
    """
    bits = _grey_bits(image)
    if image.mode in ("I", "F") and bits is None:  # Pillow would clip them at 255
        raise InputError(f"{name}: mode {image.mode}, whose range is not known; save it as 8-bit or 16-bit grey")
    image.load()  # first, as what is wrong with the pixels must not be suppressed
    with suppress(Exception):  # damaged EXIF says nothing of the pixels
        ImageOps.exif_transpose(image, in_place=True)
    if bits is not None:
        scale = 255 / (2**bits - 1)
        image = image.convert("I").point(lambda value: value * scale + 0.5)
    image.info.pop("transparency", None)  # of several palette entries, Pillow would warn that it is left out
    return image.convert(mode)


def _grey_bits(image: Image.Image) -> int | None:
    """Bits a pixel of deep grey; ``None`` for 8-bit channels, and for pixels of no known range."""
    if image.mode.startswith("I;16"):
        return image.tag_v2[BITSPERSAMPLE][0] if isinstance(image, TiffImageFile) else 16
    return 16 if (image.mode, image.format) == ("I", "PPM") else None  # Pillow has scaled it to 16 bits
