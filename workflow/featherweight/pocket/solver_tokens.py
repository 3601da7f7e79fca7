r"""The tokenizer of `pocket-solver`: every label, sign and digit of a chain is one token.

Reads and writes nothing. The tokens of one step, with the one before it and the one after:

    "\n\n"  "Step 2:"  "5"  "*"  "3"  "="  "5"  "\n\n"

So the digit that a step starts from always stands two tokens before its use, in the first step
too ("Start with" "7" "<assistant>" "Step 1:").
"""

from __future__ import annotations

from tokenizers import Tokenizer, decoders

from featherweight.pocket.files import BOS, EOS, PAD, ROLES, UNKNOWN, of_words

MOST_STEPS = 8
LABELS = tuple(f"Step {number}:" for number in range(1, MOST_STEPS + 1))
STEP_END, ANSWER, BOX, BOX_END = "\n\n", "The final answer is", "\\boxed{", "}"
WORDS = (
    *(PAD, BOS, EOS, UNKNOWN, *ROLES),
    *("Keep the last digit.", "Start with", *LABELS),
    *(STEP_END, ANSWER, BOX, BOX_END),
    *("+", "-", "*", "="),
    *map(str, range(10)),
)
# What is none of the above is a word or a sign that nobody knows: seen, and not passed over.
PIECE = (
    r"Keep the last digit\.|Start with|Step \d:|\n\n|The final answer is|\\boxed\{|\d|[^\W\d]+"
    r"|[^\w\s]"
)


def tokenizer() -> Tokenizer:
    """The tokenizer; text is put together again with single spaces, none around a step's end."""
    made = of_words(list(WORDS), PIECE)
    made.decoder = decoders.Sequence(
        [
            decoders.WordPiece(prefix="##", cleanup=False),
            decoders.Fuse(),
            decoders.Replace(f" {STEP_END}", STEP_END),
            decoders.Replace(f"{STEP_END} ", STEP_END),
        ]
    )
    return made
