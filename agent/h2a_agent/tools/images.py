"""Pictures as a provider takes them: one of four formats, no larger than it allows.

A picture that the provider refuses would be refused again with every later request of the session, so each
is opened and looked at here before it goes into the history.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from h2a_agent.tools.truncate import size_text

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["SOURCE_BYTES", "BadPicture", "Picture", "Thumbnail", "fitted", "media_type", "thumbnail"]

# The providers' limit is 5 MB of base64, which is a third longer than the file.
IMAGE_BYTES: Final = 5 * 1024 * 1024 * 3 // 4
IMAGE_PIXELS: Final = 2000  # on either side; with many pictures in a request larger ones are refused
SOURCE_BYTES: Final = 64 * 1024 * 1024  # the largest file that is made smaller
_SOURCE_PIXELS: Final = 64_000_000  # decoded, four bytes each
_QUALITIES: Final = (85, 60, 35)
_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


class BadPicture(Exception):
    """Why a picture cannot be shown to a model, as the end of a sentence about it."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture fit to be sent. `note` says what was done to it, "" for nothing."""

    media_type: str
    data: bytes
    note: str = ""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small copy: `rgba` has four bytes a pixel, `width` pixels a row; `original` is the picture's own size."""

    width: int
    rgba: bytes
    original: tuple[int, int]


def media_type(start: bytes) -> str:
    """The kind of picture that begins with these bytes, "" when it is none."""
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if start.startswith(magic)), "")


def fitted(data: bytes) -> Picture:
    """`data` as it is where it fits, else made smaller. Blocks: belongs in a thread.

    Raises:
        BadPicture: it is damaged, or too large even for that.
    """
    with _opened(data) as image:
        image.load()
        if len(data) <= IMAGE_BYTES and max(image.size) <= IMAGE_PIXELS:
            return Picture(media_type(data), data)
        return _smaller(image)


def thumbnail(data: bytes, width: int, height: int) -> Thumbnail:
    """A copy of at most `width` × `height` pixels, never larger than it was. Blocks: belongs in a thread.

    Raises:
        BadPicture: it is damaged, or too large even for that.
    """
    with _opened(data) as image:
        original = image.size
        image.draft("RGB", (width, height))  # a JPEG need not be decoded whole
        small = image.convert("RGBA")
        small.thumbnail((width, height))
        return Thumbnail(small.width, small.tobytes(), original)


@contextmanager
def _opened(data: bytes) -> Iterator[Image]:
    """The picture in `data`; what goes wrong with it is a `BadPicture`."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF", "WEBP")) as image:
                width, height = image.size
                if width * height > _SOURCE_PIXELS:
                    raise BadPicture(f"is too large ({width} × {height} pixels)")
                yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadPicture("is too large") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        raise BadPicture("is damaged or not a picture") from None


def _smaller(image: Image) -> Picture:
    width, height = image.size
    clear = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    small = image.convert("RGBA" if clear else "RGB")
    small.thumbnail((IMAGE_PIXELS, IMAGE_PIXELS))
    note = f"made smaller, from {width} × {height} to {small.width} × {small.height} pixels"
    png = _written(small, "PNG")
    if len(png) <= IMAGE_BYTES:
        return Picture("image/png", png, note)
    for quality in _QUALITIES:
        jpeg = _written(small.convert("RGB"), "JPEG", quality)
        if len(jpeg) <= IMAGE_BYTES:
            return Picture("image/jpeg", jpeg, note)
    raise BadPicture(f"is larger than {size_text(IMAGE_BYTES)}, also when made smaller")


def _written(image: Image, kind: str, quality: int = 0) -> bytes:
    buffer = io.BytesIO()
    if quality:
        image.save(buffer, kind, quality=quality)
    else:
        image.save(buffer, kind)
    return buffer.getvalue()
