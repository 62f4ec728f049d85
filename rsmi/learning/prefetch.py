"""Prepare what comes next while the present is used."""

import queue
import threading
import weakref
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

_PATIENCE = 0.05  # seconds between two looks at whether anybody still waits

_Queue = queue.Queue[tuple[T | None, BaseException | None]]


class Prefetch(Generic[T]):
    """The items of an iterator in the same order, prepared by a thread of its own.

    An exception of the iterator is raised where its item would have come.

    Args:
        items: What to prepare; only the thread touches it from now on.
        depth: Most items to be ahead.

    >>> ahead = Prefetch(iter([1, 2, 3]), depth=2)
    >>> list(ahead)
    [1, 2, 3]
    >>> ahead.close()
    """

    def __init__(self, items: Iterator[T], depth: int) -> None:
        self._queue: _Queue[T] = queue.Queue(depth)
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=_fill, args=(items, self._queue, self._stop), daemon=True
        )
        # Before the start, which a signal may interrupt; at the latest when the interpreter ends,
        # which must not find the thread inside torch.
        weakref.finalize(self, _end, self._stop, self._thread)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        item, error = self._queue.get()
        if error is not None:
            self._queue.put((None, error))  # so that asking once more does not wait for ever
            raise error
        return item  # type: ignore[return-value]

    def close(self) -> None:
        """End the thread."""
        _end(self._stop, self._thread)


def _end(stop: threading.Event, thread: threading.Thread) -> None:
    """Stop the thread and wait for it, unless it is itself the one that cleans up."""
    stop.set()
    if thread.is_alive() and thread is not threading.current_thread():
        thread.join()


def _fill(items: Iterator[T], into: _Queue[T], stop: threading.Event) -> None:
    """The life of the thread."""
    end: BaseException = StopIteration()
    try:
        for item in items:
            if not _put(into, (item, None), stop):
                return
    except BaseException as error:
        end = error
    _put(into, (None, end), stop)


def _put(
    into: _Queue[T], item: tuple[T | None, BaseException | None], stop: threading.Event
) -> bool:
    """Wait for room; False where nobody wants the item any more."""
    while not stop.is_set():
        try:
            into.put(item, timeout=_PATIENCE)
        except queue.Full:
            continue
        return True
    return False
