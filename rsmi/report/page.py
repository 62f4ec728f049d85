"""One self-contained page with everything a run found."""

import base64
import re
import struct
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rsmi.errors import InputError
from rsmi.information import Outcome, Plain, Quantity, Sheet
from rsmi.information.outcome import DEVIATION, deviation_text
from rsmi.information.quantity import KIND_WORDS, REFERENCE_ERROR
from rsmi.report.figures import save
from rsmi.report.glossary import entry
from rsmi.runs.files import write_whole
from rsmi.runs.result import Result

if TYPE_CHECKING:
    from jinja2 import Environment

FILE_NAME = "report.html"

_FOLDED = {
    r"\.scan\.": "Scan over steps and couplings",
    r"^couplings\.(information|rank_correlation)": "Every rule and every correlation",
    r"^layers\.(?!study\.|claim\.)": "Layer by layer",
    r"^theory\.machines\.(entropy|counted|sparse|error|settled|trained)": "Every machine",
}
"""Names of which there are too many to be read one by one, and what they are."""

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Figure:
    """A picture for the page.

    Args:
        path: PNG file, read and put into the page.
        title: A few words.
        caption: One or two sentences on what is seen and what it means.
    """

    path: Path
    title: str
    caption: str


class Page(Outcome):
    """A result that is read as a page of its own: with a title, tables, and figures.

    A subclass defines `quantities`, `sheets` and `figures`, and the titles.
    """

    title = ""
    """Title of the page."""
    headline: Sequence[str] = ()
    """Dotted names of the quantities shown first."""

    @abstractmethod
    def figures(self, directory: Path) -> list[Figure]:
        """Draws every figure into a directory."""

    def listed(self) -> list[Quantity]:
        """The quantities that the page lists; all of them unless a subclass leaves some out."""
        return self.quantities()

    def write(self, directory: Path, result: Result) -> Path:
        """Draw the figures into `directory`/figures, and write `report.html`."""
        figures = self.figures(directory / "figures")
        listed = replace(result, numbers=self.listed())
        return write_report(directory, listed, figures, self.headline, self.title, self.sheets())


def write_study(
    directory: Path, found: Outcome, result: Result, picture: str, title: str, caption: str
) -> Path:
    """Draw a result, and write `report.html` with that figure, its tables and all its numbers.

    The numbers are on disk by now, so that a figure that cannot be drawn loses none.

    Args:
        directory: Where page and picture go.
        found: What the command found.
        result: The same as it stands on disk.
        picture: File of the figure below the directory.
        title: Of the figure.
        caption: One or two sentences on what is seen and what it means.

    Returns:
        Path of the page.
    """
    drawn = Figure(save(found.plot(), directory / picture), title, caption)
    return write_report(directory, result, [drawn], [], None, found.sheets())


def write_report(
    directory: Path,
    result: Result,
    figures: Sequence[Figure],
    headline: Sequence[str],
    title: str | None = None,
    tables: Sequence[Sheet] = (),
) -> Path:
    """Write `report.html`: headline numbers, tables, figures, all quantities, how to repeat it.

    The page needs no network and no script, and reads on a phone and on paper.

    Args:
        directory: Where the page goes.
        result: What the command found.
        figures: In the order in which they are to stand.
        headline: Dotted names of the quantities shown first.
        title: Title of the page; the command unless given.
        tables: In the order in which they are to stand, above the figures.

    Returns:
        Path of the page.

    Raises:
        InputError: For a headline name the result does not hold once, or a figure that is no PNG.
        OSError: When the disk refuses; an older page is then still intact.
    """
    groups = {s: [q for q in result.numbers if re.search(p, q.name)] for p, s in _FOLDED.items()}
    hidden = {id(quantity) for group in groups.values() for quantity in group}
    page = (
        _templates()
        .get_template("page.html")
        .render(
            name=title or result.command,
            result=result,
            cards=[result.find(name) for name in headline],
            tables=tables,
            figures=[(figure, _picture(Path(figure.path))) for figure in figures],
            shown=[quantity for quantity in result.numbers if id(quantity) not in hidden],
            folded={summary: group for summary, group in groups.items() if group},
            settings=_dotted(result.config),
            timings={stage: f"{seconds:.1f} s" for stage, seconds in result.timings.items()},
            software=dict(result.versions) | {"device": result.device},
            explanation=DEVIATION.capitalize(),
        )
    )
    return write_whole(Path(directory) / FILE_NAME, page.encode(errors="backslashreplace"))


def html(sheets: Sequence[Sheet]) -> str:
    """Tables for a notebook, everything in them escaped.

    >>> html([Sheet("", ["a"], [["<b>"]])]).count("&lt;b&gt;")
    1
    """
    return _templates().get_template("sheets.html").render(tables=sheets)


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=PackageLoader("rsmi.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters |= {
        "groups": _groups,
        "halves": lambda quantity: quantity.text.partition(" ")[::2],
        "deviation": deviation_text,
        "entry": entry,
        "kind": KIND_WORDS.__getitem__,
        "minus": _minus,
        "notes": _notes,
    }
    return found


def _minus(words: str) -> str:
    """A true minus sign in front of numbers.

    >>> ascii(_minus("-0.6")), _minus("-")
    ("'\\\\u22120.6'", '-')
    """
    return re.sub(r"^-(?=\d)", "\N{MINUS SIGN}", words)


def _groups(sheet: Sheet) -> list[list[Sequence[str]]]:
    """One group of rows for each heading."""
    groups: list[list[Sequence[str]]] = [[]]
    for row in sheet.rows:
        if len(row) == 1 and groups[-1]:
            groups.append([])
        groups[-1].append(row)
    return groups


def _notes(quantity: Quantity) -> str:
    """Meaning and context of a quantity, to stand below its name."""
    known = entry(quantity.name)
    own = {key: _brief(v) for key, v in quantity.context.items() if key != REFERENCE_ERROR}
    context = [f"{key} {value}" for key, value in own.items()]
    return ", ".join([*([known.meaning] if known else []), *context])


def _brief(value: Plain) -> str:
    """A context as text, its numbers to four digits.

    >>> _brief([0.123456789, 7]), _brief("odd")
    ('0.1235, 7', 'odd')
    """
    if isinstance(value, list):
        return ", ".join(map(_brief, value)) or "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _picture(path: Path) -> dict[str, Any]:
    """A PNG as an address that holds it, shown at half its pixels so that it is sharp everywhere.

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
    return {"source": source, "width": width // 2, "height": height // 2}


def _dotted(config: Plain, prefix: str = "") -> dict[str, str]:
    """Nested settings as the dotted names that the command line takes."""
    if not isinstance(config, dict) or not config:
        return {prefix: str(config)} if prefix else {}
    parts = (_dotted(value, f"{prefix}.{key}".lstrip(".")) for key, value in config.items())
    return {name: value for part in parts for name, value in part.items()}
