"""Compiled kernels whose cache can neither stop a command nor hand it another kernel."""

import hashlib
import inspect
import pickle
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import numpy as np
from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache
from numba.core.dispatcher import Dispatcher

_SEAL = hashlib.sha256().digest_size

Function = Callable[..., Any]


def njit(*, cache: bool = False, **options: Any) -> Callable[[Function], Any]:
    """`numba.njit` with a cache that is a convenience only.

    Where no directory can be written there is none; what is damaged, or does not fit on the
    disk, is compiled again; and an entry belongs to the sources of every function and constant
    that the kernel takes from other files, not to its own file alone.

    Args:
        cache: Whether to keep the machine code for the next process.
        options: As for `numba.njit`.

    >>> njit(nogil=True)(lambda x: x + 1)(2)
    3
    """

    def decorate(function: Function) -> Any:
        kernel = numba.njit(**options)(function)
        if cache:
            kernel._cache = _cache_of(function)
        return kernel

    return decorate


def _cache_of(function: Function) -> FunctionCache | NullCache:
    """The cache of a function, or one that keeps nothing where none can be written."""
    try:
        return _Cache(function)
    except RuntimeError:
        _say_that_nothing_is_kept()
        return NullCache()


@cache
def _say_that_nothing_is_kept() -> None:
    """Warn, once for all kernels."""
    warnings.warn(
        "compiled kernels cannot be kept: neither the folder of the package nor the cache folder "
        "of the user can be written, so every command compiles them again; set NUMBA_CACHE_DIR "
        "to a folder that can be written",
        RuntimeWarning,
        stacklevel=1,
    )


class _Cache(FunctionCache):
    """Numba's cache of one function; a failure of it is a kernel that is compiled again."""

    def __init__(self, function: Function) -> None:
        super().__init__(function)
        self._cache_file = _Sealed(
            self._cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp()
        )

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The kernel for a signature; None where there is none that is whole."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # damage has many faces, from OSError to any that pickle may raise
            self._try(self.flush)
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a kernel, where that is possible."""
        self._try(super().save_overload, sig, data)

    def _try(self, step: Callable[..., None], *arguments: Any) -> None:
        """A step that may fail: no disk can be so full that a compiled kernel is of no use."""
        try:
            step(*arguments)
        except Exception:
            self.disable()

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        return (*super()._index_key(sig, codegen), _surroundings(self._py_func))


class _Sealed(IndexDataCacheFile):
    """The files of numba's cache with a SHA-256 behind each: flipped bits are not run."""

    def _dump(self, obj: Any) -> bytes:
        data = super()._dump(obj)
        return bytes(data + hashlib.sha256(data).digest())

    def _load_data(self, name: str) -> Any:
        return pickle.loads(_unsealed(Path(self._data_path(name)).read_bytes()))

    def _load_index(self) -> Any:
        found = super()._load_index()
        if found:
            with open(self._index_path, "rb") as file:
                pickle.load(file)  # numba's version, which stands before what is sealed
                _unsealed(file.read())
        return found


def _unsealed(data: bytes) -> bytes:
    body, seal = data[:-_SEAL], data[-_SEAL:]
    if hashlib.sha256(body).digest() != seal:
        raise ValueError("damaged")
    return body


def _surroundings(function: Function) -> str:
    """Digest of all that a kernel is compiled from, beyond numba's own key: files and constants."""
    seen, waiting, digest = set(), [function], hashlib.sha256()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        digest.update(_source(inspect.getfile(current)))
        for name, value in _globals_of(current):
            if inspect.isfunction(value):
                waiting.append(value)
            elif isinstance(value, ModuleType):
                digest.update(_source(value.__file__ or ""))
            else:
                digest.update(f"{name}={value!r};".encode())
    return digest.hexdigest()


def _globals_of(function: Function) -> Iterator[tuple[str, Any]]:
    """What the code of a function may use: kernels and modules of ours, and constants."""
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if isinstance(value, np.ndarray):
            yield name, (value.dtype.str, value.shape, value.tobytes())
        elif isinstance(value, ModuleType):
            if value.__name__.startswith("rsmi."):
                yield name, value
        elif isinstance(value, bool | int | float | complex | str | bytes | tuple | np.generic):
            yield name, value
        elif isinstance(value, Dispatcher):
            yield name, value.py_func


@cache
def _source(path: str) -> bytes:
    """Digest of a source file; of nothing where it is not there, as in an interactive session."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).digest()
    except OSError:
        return b""
