"""Every mode of Pillow becomes 8-bit grey or RGB, or is refused by name; EXIF turns images upright."""

import io
import struct
import warnings

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from nist.data import memmap_cache
from nist.data.decoding import decoding, eight_bit
from nist.errors import InputError

# Mode → bytes of one pixel, and its RGB.
PIXELS = {
    "1": (b"\x80", (255, 255, 255)),
    "L": (b"\x64", (100, 100, 100)),
    "LA": (b"\x64\x07", (100, 100, 100)),
    "RGB": (b"\1\2\3", (1, 2, 3)),
    "RGBX": (b"\1\2\3\x09", (1, 2, 3)),
    "RGBA": (b"\1\2\3\0", (1, 2, 3)),
    "RGBa": (b"\x40\0\0\x80", (127, 0, 0)),
    "CMYK": (b"\0\xff\xff\0", (255, 0, 0)),
    "YCbCr": (b"\x4c\x55\xff", (254, 0, 0)),
    "LAB": (b"\x80\0\0", (119, 119, 119)),
    "HSV": (b"\0\xff\xff", (255, 0, 0)),
    "I;16": (b"\xff\xff", (255, 255, 255)),
    "I;16L": (b"\x00\x80", (128, 128, 128)),
    "I;16B": (b"\x80\x00", (128, 128, 128)),
}


def rgb(image):
    return np.asarray(eight_bit(image, "RGB", "a.png"))


def reopened(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return Image.open(buffer)


@pytest.mark.parametrize("mode", PIXELS)
def test_a_pixel_of_each_mode_has_its_colour(mode):
    content, colour = PIXELS[mode]
    np.testing.assert_array_equal(rgb(Image.frombytes(mode, (1, 1), content))[0, 0], colour)


@pytest.mark.parametrize("mode", ["P", "PA"])
@pytest.mark.parametrize("transparency", [None, 1, bytes([255, 128])])
def test_a_palette_gives_its_colours_whatever_is_transparent(mode, transparency):
    image = Image.new(mode, (2, 1))
    image.putpalette([1, 2, 3, 4, 5, 6])
    image.putpixel((1, 0), 1 if mode == "P" else (1, 255))
    if transparency is not None:
        image.info["transparency"] = transparency
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(rgb(image), [[[1, 2, 3], [4, 5, 6]]])


@pytest.mark.parametrize("mode", ["I", "F"])
def test_a_mode_without_a_known_range_is_refused(mode):
    with pytest.raises(InputError) as error:
        rgb(reopened(Image.new(mode, (1, 1)), "TIFF"))
    assert str(error.value) == f"a.png: mode {mode}, whose range is not known; save it as 8-bit or 16-bit grey"


def test_a_mode_that_no_file_has_is_refused():
    with pytest.raises(InputError, match="a.png: not a readable image .conversion from La"), decoding("a.png"):
        rgb(Image.new("La", (1, 1)))


def test_every_value_of_16_bits_is_rounded_to_8():
    values = np.arange(2**16).reshape(256, 256)
    for mode, order in (("I;16", "<u2"), ("I;16B", ">u2")):
        image = Image.frombytes(mode, (256, 256), values.astype(order).tobytes())
        np.testing.assert_array_equal(rgb(image)[..., 0], np.rint(values / 257))
        np.testing.assert_array_equal(np.asarray(eight_bit(image, "L", "a.png")), np.rint(values / 257))


def tiff_of_12_bits(*values):
    """Grey pixels in one row of TIFF, an even number of them, two in three bytes."""
    pairs = zip(values[::2], values[1::2], strict=True)
    strip = b"".join((first << 12 | second).to_bytes(3, "big") for first, second in pairs)
    tags = {256: len(values), 257: 1, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: len(strip)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip + struct.pack("<H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (tiff_of_12_bits(0, 4095, 2048, 100), [0, 255, 128, 6]),
        (b"P5 2 1 65535\n\x80\x00\xff\xff", [128, 255]),
        (b"P5 2 1 4095\n\x08\x00\x0f\xff", [128, 255]),
    ],
)
def test_deep_grey_of_other_formats_is_scaled_by_its_depth(content, expected):
    np.testing.assert_array_equal(rgb(Image.open(io.BytesIO(content)))[0, :, 0], expected)


TURNS = {
    1: lambda pixels: pixels,
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
    8: np.rot90,
}


@pytest.fixture
def turned():
    """An image of 3×2 pixels with an EXIF orientation, in a file; and its pixels as stored."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 3), dtype=np.uint8)

    def turn(orientation, form="PNG", mode="RGB", **options):
        exif = Image.Exif()
        exif[0x112] = orientation
        image = Image.fromarray(pixels).convert(mode)
        return reopened(image, form, exif=exif, **options), np.asarray(image.convert("RGB"))

    return turn


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "I;16"])
def test_an_image_is_turned_as_its_orientation_says(turned, orientation, mode):
    file, _ = turned(orientation, mode=mode)
    with_none, _ = turned(1, mode=mode)
    np.testing.assert_array_equal(rgb(file), TURNS[orientation](rgb(with_none)))


@pytest.mark.parametrize(("form", "options"), [("TIFF", {}), ("WEBP", {"lossless": True}), ("JPEG", {})])
def test_orientation_is_read_in_every_format_that_has_it(turned, form, options):
    file, pixels = turned(6, form, **options)
    expected = TURNS[6](pixels if form != "JPEG" else np.asarray(reopened(Image.fromarray(pixels), form)))
    np.testing.assert_array_equal(rgb(file), expected)


@pytest.mark.parametrize(("method", "orientation"), [("load", 1), ("tobytes", 6)])
def test_damaged_exif_does_not_damage_the_image(turned, monkeypatch, method, orientation):
    file, pixels = turned(6)

    def damaged(*arguments):
        raise SyntaxError("not a TIFF file")

    monkeypatch.setattr(Image.Exif, method, damaged)
    np.testing.assert_array_equal(rgb(file), TURNS[orientation](pixels))


def test_what_is_wrong_at_the_end_of_an_image_is_not_taken_for_damaged_exif(turned, monkeypatch):
    def damaged(*arguments):
        raise OSError("broken chunk")

    monkeypatch.setattr(PngImageFile, "load_end", damaged)
    with pytest.raises(OSError, match="broken chunk"):
        rgb(turned(6)[0])


def test_an_image_is_turned_before_it_is_cropped(turned):
    buffers = [io.BytesIO(), io.BytesIO()]
    turned(6)[0].save(buffers[0], "PNG", exif=turned(6)[0].getexif())
    Image.fromarray(TURNS[6](turned(6)[1])).save(buffers[1], "PNG")
    once_turned, upright = (memmap_cache.pixels(("a.png", buffer), 4, "crop") for buffer in buffers)
    np.testing.assert_array_equal(once_turned, upright)


def test_what_is_no_image_is_named_without_an_address_in_memory():
    with pytest.raises(InputError) as error:
        memmap_cache.pixels(("a.png", io.BytesIO(b"no image")), 4, "crop")
    assert str(error.value) == "a.png: not a readable image (no format that Pillow knows); fetch it again"
