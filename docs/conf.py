"""Sphinx configuration; `make docs` builds the pages without network."""

import re
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx

import rsmi
from rsmi.sampling.families import VERBS, verb_rows

VERB_TABLE = "% the table of models and verbs"

project = "rsmi"
author = "The rsmi authors"
version = release = rsmi.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "myst_nb"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"rsmi {release}"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# Notebooks are executed once and kept until their code changes.
nb_execution_mode = "cache"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 600

# Docstrings write `name` for code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
# The pages are read offline: formulas become MathML, which browsers show by themselves.
html_math_renderer = "mathml"


def docstring_to_rst(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Turn fenced formulas into literal blocks; keep `*shape` and `|M|` as they are written."""
    text, fenced, verbatim = [], False, False
    for line in lines:
        start = line.strip()
        verbatim = start != "" and (verbatim or start.startswith((">>>", ".. math::")))
        if start == "```":
            fenced = not fenced
            text += ["::", ""] if fenced else [""]
        elif fenced:
            text.append(f"   {line}")
        else:
            text.append(line if verbatim else prose(line))
    lines[:] = text


def prose(line: str) -> str:
    """Escape what reStructuredText would take for markup; $...$ is a formula.

    A formula is not escaped: there `\\|` is another sign than `|`.
    """
    parts = re.split(r"(`[^`]*`|\$[^$]+\$)", line)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"(?<![*\\\w])\*(?=\w+[^*\w])|\|", r"\\\g<0>", parts[i])
    return "".join(re.sub(r"^\$(.+)\$$", r":math:`\1`", part) for part in parts)


# Browsers draw large sums with a mathematical font only, and each system has another one.
FONTS = "Latin Modern Math, STIX Two Math, Cambria Math, DejaVu Math TeX Gyre, math, serif"
BAR = re.compile(
    r"<mover[^>]*>(?P<body>(?:(?!<mover).)*?)<mo[^>]*>\u02c9</mo>\s*</mover>", re.DOTALL
)
# A drawn rule: the bar of a font falls upon its letter where the browser has no such font.
DRAWN = (
    r"<mover>\g<body>"
    '<mspace width="0.5em" height="0.06em" mathbackground="currentcolor"></mspace></mover>'
)
# The thin spaces that TeX puts around the name of a function.
THIN = '<mspace width="0.1667em"></mspace>'
APPLIED = re.compile(r'<mo>&ApplyFunction;</mo>(?!\s*<mo stretchy="false">\()')
NAMED = re.compile(r"(?:</m(?:i|n|sub)>|\)</mo>)(?=\s*<mi>\w+</mi>\s*<mo>&ApplyFunction;)")


def mathml(formula: str, block: bool) -> str:
    """A formula as MathML that needs no particular font."""
    # docutils knows `\Bigl` and `\ldots`, not the shorter `\Big` and `\dots`.
    formula = re.sub(r"\\(big|Big|bigg|Bigg)(?![a-zA-Z])", r"\\\1l", formula)
    formula = re.sub(r"\\dots(?![a-zA-Z])", r"\\ldots", formula)
    written = BAR.sub(DRAWN, str(tex2mathml(formula, as_block=block)))
    written = NAMED.sub(rf"\g<0>{THIN}", APPLIED.sub(rf"\g<0>{THIN}", written))
    return written.replace("<math ", f'<math style="font-family: {FONTS}" ', 1)


def inline_math(translator: Any, node: nodes.math) -> None:
    """Write a formula in the text."""
    translator.body.append(mathml(node.astext(), block=False))
    raise nodes.SkipNode


def display_math(translator: Any, node: nodes.math_block) -> None:
    """Write a formula on its own line."""
    formula = mathml(node.astext(), block=True)
    translator.body.append(f'<div style="margin: 1.2em 0; overflow-x: auto">{formula}</div>')
    raise nodes.SkipNode


def verb_table() -> str:
    """Every model and verb, with the reason for each no, as Markdown."""
    reasons: dict[str, int] = {}
    lines = [f"| model | {' | '.join(VERBS)} |", "|---" * (len(VERBS) + 1) + "|"]
    for row in verb_rows():
        cells = []
        for verb, reason in row.reasons().items():
            yes = row.solved_by() if verb == "exact" else "yes"
            cells.append(f"no ({reasons.setdefault(reason, len(reasons) + 1)})" if reason else yes)
        family, _, said = row.name.partition(", ")
        lines.append(f"| `{family}`{said and ', '}{said} | {' | '.join(cells)} |")
    listed = [f"{number}. {reason}." for reason, number in reasons.items()]
    return "\n".join([*lines, "", *listed])


def fill_in(app: Sphinx, page: str, source: list[str]) -> None:
    """Put what the code knows where a page asks for it."""
    if VERB_TABLE in source[0]:
        source[0] = source[0].replace(VERB_TABLE, verb_table())


def setup(app: Sphinx) -> None:
    """Register what Sphinx does not bring."""
    app.connect("source-read", fill_in)
    app.add_html_math_renderer("mathml", (inline_math, None), (display_math, None))
    app.connect("autodoc-process-docstring", docstring_to_rst)
