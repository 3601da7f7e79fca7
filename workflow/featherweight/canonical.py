"""One text and one hash for documents of the same content. Reads and writes nothing.

>>> canonical({"seed": 1, "category": "Age"})
'{"category":"Age","seed":1}'
"""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical(document: Any) -> str:
    """JSON with sorted keys and no spaces.

    Raises ValueError for NaN and infinities, which JSON does not have.
    """
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest(document: Any) -> str:
    """SHA-256 of the canonical JSON, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(document).encode()).hexdigest()
