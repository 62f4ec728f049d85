"""One SHA-256 of plain content, whatever the file that holds it looks like."""

import hashlib
import json
from typing import Any

KEY = "sha256"
"""Under this key a file keeps the digest of all its other keys."""


def plain_digest(content: Any, *more: bytes) -> str:
    """SHA-256 of plain values as JSON with sorted keys and no blanks, then of further bytes.

    Args:
        content: None, bool, int, float, str, or lists and dicts of these; anything else counts
            as its text.
        more: What belongs to it, such as the bytes of a file.

    >>> plain_digest({"b": 1, "a": [2.5]}) == plain_digest({"a": [2.5], "b": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    digest = hashlib.sha256(text.encode())
    for part in more:
        digest.update(part)
    return digest.hexdigest()
