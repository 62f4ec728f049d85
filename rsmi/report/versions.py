"""Which software made a result."""

import platform
from importlib.metadata import PackageNotFoundError, version

import rsmi

PACKAGES = ("torch", "numpy", "numba", "h5py")
"""Packages whose version can change a number."""


def versions() -> dict[str, str]:
    """Versions of Python, this library and `PACKAGES`, whose metadata is read, not imported.

    >>> list(versions())
    ['python', 'rsmi', 'torch', 'numpy', 'numba', 'h5py']
    """
    own = {"python": platform.python_version(), "rsmi": rsmi.__version__}
    return own | {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
