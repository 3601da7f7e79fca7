"""One line of the sample store: JSON that ends with a hash over all that stands before it.

    {"finish":"stop","key":"5d2a...","mean_logprob":-0.0132,"text":"Nobody can say (C).",
     "token_ids":[31,8,40,22,9,4],"sha256":"90b1..."}

(one line in the file). An answer that was chosen by likelihood has `option_loglikelihoods` as well.
A chunk's last line holds what the chunk cost, under "usage". The hash finds every changed letter
and flipped bit; it is no signature. Reads and writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from featherweight.canonical import canonical, digest
from featherweight.engines import Completion
from featherweight.records import Usage

Document = dict[str, Any]  # parsed JSON
_HASH = b',"sha256":"'
_TAIL = len(_HASH) + 64 + len(b'"}')
_SCORED = "option_loglikelihoods"


def chunk_name(keys: Sequence[str]) -> str:
    """The name of the chunk that brings these completions."""
    return digest(list(keys))[:32]


def sealed(document: Document) -> bytes:
    """The line of a document, without the line break."""
    body = canonical(document).encode()
    return body[:-1] + _HASH + sha256(body).hexdigest().encode() + b'"}'


def unsealed(line: bytes) -> Document | None:
    """The document of a line; None where a single byte is not as it was written."""
    body = line[:-_TAIL] + b"}"
    if line != body[:-1] + _HASH + sha256(body).hexdigest().encode() + b'"}':
        return None
    document: Document = json.loads(body)
    return document


def completion_line(key: str, made: Completion) -> bytes:
    """The line of one completion."""
    document: Document = {
        "key": key,
        "text": made.text,
        "token_ids": list(made.token_ids),
        "finish": made.finish,
        "mean_logprob": made.mean_logprob,
    }
    if made.option_loglikelihoods is not None:
        document[_SCORED] = list(made.option_loglikelihoods)
    return sealed(document)


def completion_of(document: Document) -> Completion:
    """The completion of an unsealed line that has a key."""
    scored = document.get(_SCORED)
    return Completion(
        text=document["text"],
        token_ids=tuple(document["token_ids"]),
        finish=document["finish"],
        mean_logprob=document["mean_logprob"],
        option_loglikelihoods=None if scored is None else tuple(scored),
    )


def usage_line(usage: Usage) -> bytes:
    """The line of what a chunk cost."""
    return sealed({"usage": asdict(usage)})


def usage_of(line: bytes) -> Usage | None:
    """What a chunk cost; None for any other line."""
    document = unsealed(line)
    return None if document is None or "usage" not in document else Usage(**document["usage"])
