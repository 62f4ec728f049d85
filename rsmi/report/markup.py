"""Small pieces of HTML; everything that comes from outside passes through `text`."""

import base64
import struct
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

from rsmi.errors import InputError

_PNG = b"\x89PNG\r\n\x1a\n"


def text(value: object) -> str:
    r"""Escape for the page, with a true minus sign in numbers.

    >>> text("<b>"), ascii(text("-0.6"))
    ('&lt;b&gt;', "'\\u22120.6'")
    """
    words = str(value)
    if words[:1] == "-" and words[1:2].isdigit():
        words = "\N{MINUS SIGN}" + words[1:]
    return escape(words, quote=True)


def element(tag: str, inner: str = "", **attributes: str) -> str:
    """One element around finished HTML; a trailing `_` in an attribute name is dropped.

    >>> element("p", "a", class_="lead")
    '<p class="lead">a</p>'
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(value, quote=True)}"'
        for name, value in attributes.items()
    )
    return f"<{tag}{written}>{inner}</{tag}>"


def pairs(entries: Mapping[str, str]) -> str:
    """A definition list: names in code, values beside them."""
    lines = (
        element("div", element("dt", text(name)) + element("dd", text(value)))
        for name, value in entries.items()
    )
    return element("dl", "".join(lines), class_="pairs")


def section(title: str, parts: Iterable[str]) -> str:
    """A section of the page under its heading, which a link `#its-title` finds."""
    heading = element("h2", text(title))
    identifier = title.lower().replace(" ", "-")
    return element("section", heading + "\n".join(parts), id=identifier)


def picture(path: Path, alt: str) -> str:
    """A PNG inside the page itself, shown at half its pixels so that it is sharp everywhere.

    Args:
        path: The PNG file.
        alt: What a reader who cannot see it should hear.

    Raises:
        InputError: When the file is missing or not a PNG.
    """
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise InputError(f"figure {path} cannot be read: {problem}; draw it first") from problem
    if content[:8] != _PNG or len(content) < 24:
        raise InputError(f"figure {path} is no PNG file; expected what `figures.save` writes")
    width, height = struct.unpack(">II", content[16:24])
    source = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return f'<img src="{source}" alt="{text(alt)}" width="{width // 2}" height="{height // 2}">'
