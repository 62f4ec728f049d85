"""Sphinx configuration; `make docs` builds the pages without network."""

import re
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx

import rsmi

project = "rsmi"
author = "The rsmi authors"
version = release = rsmi.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "myst_parser"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"rsmi {release}"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# Docstrings write `name` for code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
# The pages are read offline: formulas become MathML, which browsers show by themselves.
html_math_renderer = "mathml"


def fences_to_blocks(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Turn the fenced formulas of docstrings into literal blocks, and $...$ into formulas."""
    text, inside = [], False
    for line in lines:
        if line.strip() == "```":
            inside = not inside
            text += ["::", ""] if inside else [""]
        else:
            text.append(f"   {line}" if inside else re.sub(r"\$([^$]+)\$", r":math:`\1`", line))
    lines[:] = text


def mathml(formula: str, block: bool) -> str:
    """A formula as MathML."""
    # docutils knows `\Bigl` and `\ldots`, not the shorter `\Big` and `\dots`.
    formula = re.sub(r"\\(big|Big|bigg|Bigg)(?![a-zA-Z])", r"\\\1l", formula)
    formula = re.sub(r"\\dots(?![a-zA-Z])", r"\\ldots", formula)
    return str(tex2mathml(formula, as_block=block))


def inline_math(translator: Any, node: nodes.math) -> None:
    """Write a formula in the text."""
    translator.body.append(mathml(node.astext(), block=False))
    raise nodes.SkipNode


def display_math(translator: Any, node: nodes.math_block) -> None:
    """Write a formula on its own line."""
    translator.body.append(f"<div>{mathml(node.astext(), block=True)}</div>")
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Register what Sphinx does not bring."""
    app.add_html_math_renderer("mathml", (inline_math, None), (display_math, None))
    app.connect("autodoc-process-docstring", fences_to_blocks)
