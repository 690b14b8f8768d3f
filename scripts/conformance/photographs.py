"""Photographs as torchvision's `ImageFolder` decodes and transforms them, for `crates/datasets`:

    pip install pillow==13.0.0 numpy==2.4.6
    python scripts/conformance/photographs.py

torchvision leaves images of Pillow to Pillow; what it computes itself, sizes and places, is written out below. The images are made
here: no photograph is committed. Of the decoded ones only a digest is kept.
"""

import hashlib
import json
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

DIRECTORY = Path(__file__).parents[2] / "tests" / "fixtures" / "photographs"
RESIZE, SIDE = 40, 32


def picture(width, height):
    """Edges, gradients, a fine pattern and saturated colours, `[height, width, 3]` u8."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    disc = np.hypot(x - width * 0.4, y - height * 0.6) < min(width, height) * 0.3
    red = 255 * x / width
    green = np.where(disc, 230, 255 * y / height)
    blue = np.where(disc, 20, 127 + 127 * np.sin(x * y / 60))
    return np.stack([red, green, blue], axis=2).round().astype(np.uint8)


def encoded(image, kind, **options):
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def resized(image, short):
    """torchvision's `Resize(short)`: the long side is rounded down."""
    width, height = image.size
    long = int(short * max(width, height) / min(width, height))
    return image.resize((short, long) if width <= height else (long, short), Image.Resampling.BILINEAR)


def center_crop(image, side):
    """torchvision's `CenterCrop(side)`."""
    top, left = (int(round((length - side) / 2.0)) for length in (image.height, image.width))
    return image.crop((left, top, left + side, top + side))


def resized_crop(image, top, left, height, width, side):
    """torchvision's `functional.resized_crop`."""
    return image.crop((left, top, left + width, top + height)).resize((side, side), Image.Resampling.BILINEAR)


def rotated():
    exif = Image.Exif()
    exif[274] = 6  # turned by a quarter
    return exif


image = Image.fromarray(picture(97, 61))
sixteen = np.arange(97 * 61, dtype=np.uint16).reshape(61, 97) * 11
other = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
FILES = {
    "420.jpg": encoded(image, "JPEG", quality=85),
    "422.jpg": encoded(image, "JPEG", quality=85, subsampling=1),
    "444.jpg": encoded(image, "JPEG", quality=85, subsampling=0),
    "restarts.jpg": encoded(image, "JPEG", quality=85, restart_marker_rows=1),
    "progressive.jpg": encoded(image, "JPEG", quality=85, progressive=True),
    "grey.jpg": encoded(image.convert("L"), "JPEG", quality=85),
    "cmyk.jpg": encoded(image.convert("CMYK"), "JPEG", quality=85),
    "exif-orientation.jpg": encoded(image, "JPEG", quality=85, exif=rotated()),
    "png.JPEG": encoded(image.resize((33, 21)), "PNG"),
    "palette.png": encoded(image.convert("P"), "PNG"),
    "transparent.png": encoded(Image.merge("RGBA", (*image.resize((33, 21)).split(), image.resize((33, 21)).convert("L"))), "PNG"),
    "16-bit.png": encoded(Image.fromarray(sixteen), "PNG"),
    "lossy.webp": encoded(image, "WEBP", quality=80),
    "lossless.webp": encoded(image.resize((33, 21)), "WEBP", lossless=True),
    "animated.webp": encoded(image, "WEBP", save_all=True, append_images=[other], quality=80),
    "tall.jpg": encoded(Image.fromarray(picture(45, 130)), "JPEG", quality=90),
    "small.jpg": encoded(Image.fromarray(picture(25, 30)), "JPEG", quality=90),
}


def opened(name):
    return Image.open(BytesIO(FILES[name])).convert("RGB")


DIRECTORY.mkdir(exist_ok=True)
decoded = {}
for name, data in FILES.items():
    (DIRECTORY / name).write_bytes(data)
    if name == "16-bit.png":
        continue  # Pillow cuts 16 bits of grey off at 255, which leaves an image white
    pixels = opened(name)
    decoded[name] = {"width": pixels.width, "height": pixels.height, "sha256": hashlib.sha256(pixels.tobytes()).hexdigest()}
    pixels = np.asarray(pixels, dtype=np.int64)
    decoded[name]["means"] = pixels.mean(axis=(0, 1)).tolist()

for name in ["420.jpg", "tall.jpg", "small.jpg", "grey.jpg"]:
    center_crop(resized(opened(name), RESIZE), SIDE).save(DIRECTORY / f"evaluation-{name[:-4]}.png")

# A crop that becomes smaller and one that becomes larger: top, left, height, width.
for name, crop in {"smaller": (3, 10, 50, 66), "larger": (20, 30, 18, 21)}.items():
    resized_crop(opened("420.jpg"), *crop, SIDE).save(DIRECTORY / f"crop-{name}.png")

changes = {}
changed = opened("png.JPEG")
for name, change in {
    "brightness": lambda image, factor: ImageEnhance.Brightness(image).enhance(factor),
    "contrast": lambda image, factor: ImageEnhance.Contrast(image).enhance(factor),
    "saturation": lambda image, factor: ImageEnhance.Color(image).enhance(factor),
}.items():
    changes[name] = {str(factor): hashlib.sha256(change(changed, factor).tobytes()).hexdigest() for factor in (0.0, 0.63, 1.37)}

(DIRECTORY / "pillow.json").write_text(json.dumps({"decoded": decoded, "changes": changes}, indent=1) + "\n")
