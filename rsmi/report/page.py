"""One self-contained page with everything a run found."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from rsmi.information import Outcome, Plain, Quantity, Sheet
from rsmi.report.files import write_whole
from rsmi.report.headline import cards
from rsmi.report.listing import listing
from rsmi.report.markup import element, pairs, picture, section, text
from rsmi.report.result import Result
from rsmi.report.sheet import sheet

FILE_NAME = "report.html"


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
    name = title or result.command
    sections = {
        "Tables": [sheet(table) for table in tables],
        "Figures": [_figure(figure) for figure in figures],
        "All quantities": [listing(result.numbers)],
        "How to repeat this run": _reproduce(result),
    }
    shown = [section(title, parts) for title, parts in sections.items() if parts]
    page = _document(name, element("main", "\n".join([_head(result, name, headline), *shown])))
    return write_whole(Path(directory) / FILE_NAME, page.encode(errors="backslashreplace"))


def _document(name: str, body: str) -> str:
    style = files("rsmi.report").joinpath("page.css").read_text(encoding="utf-8")
    head = (
        '<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(name)}</title>\n<style>\n{style}</style>"
    )
    inner = f"\n{element('head', head)}\n{element('body', body)}\n"
    return "<!doctype html>\n" + element("html", inner, lang="en") + "\n"


def _head(result: Result, name: str, headline: Sequence[str]) -> str:
    total = f"{sum(result.timings.values()):.0f}\N{NO-BREAK SPACE}s"
    seed = "no random numbers" if result.seed is None else f"seed {result.seed}"
    about = f"rsmi {result.versions.get('rsmi', '')} on {result.device}, {seed}, {total}"
    return element(
        "header",
        element("h1", text(name))
        + element("p", text(about), class_="soft")
        + cards([result.find(quantity) for quantity in headline]),
    )


def _figure(figure: Figure) -> str:
    alt = f"{figure.title}. {figure.caption}"
    caption = element("figcaption", text(figure.caption))
    inner = element("h3", text(figure.title)) + picture(Path(figure.path), alt) + caption
    return element("figure", inner)


def _reproduce(result: Result) -> list[str]:
    seconds = {stage: f"{value:.1f} s" for stage, value in result.timings.items()}
    return [
        element("p", "The same command with the same settings and seed gives the same numbers."),
        element("pre", element("code", text(result.command))),
        element("h3", "Settings"),
        pairs(_dotted(result.config)),
        element("h3", "Time per stage"),
        pairs(seconds),
        element("h3", "Software"),
        pairs(dict(result.versions) | {"device": result.device}),
    ]


def _dotted(config: Plain, prefix: str = "") -> dict[str, str]:
    """Nested settings as the dotted names that the command line takes."""
    if not isinstance(config, dict) or not config:
        return {prefix: str(config)} if prefix else {}
    parts = (_dotted(value, f"{prefix}.{key}".lstrip(".")) for key, value in config.items())
    return {name: value for part in parts for name, value in part.items()}
