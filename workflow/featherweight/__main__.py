"""The command line: `python -m featherweight <verb> ...`, one verb per stage.

A stage is imported only when called. Bad input is reported as one line per problem on the error
stream (and in `--log FILE`), with exit code 2; a traceback is printed only if
FEATHERWEIGHT_TRACEBACK is set.
"""

from __future__ import annotations

import argparse
import errno
import logging
import os
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

# Arrow's own allocator keeps what it once took; the C library's does not (measured: 20 MiB of a
# generate process). The variable is read when Arrow is first imported, hence here. A user's own
# choice stays.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

from featherweight import __version__
from featherweight.errors import InputError

VERBS = {
    "acquire": "fetch and verify models and datasets",
    "prompts": "draw the items and render each model's prompts",
    "generate": "let a model answer its prompts",
    "score": "read and judge the answers (also your own: --responses)",
    "aggregate": "estimates with intervals, differences, spreads",
    "compare": "our numbers beside published ones, and the articles' claims decided",
    "report": "one self-contained HTML file",
    "grade": "grade your own answers to mathematics problems, without a study",
}

# Verbs that keep what they finished before they end; those with a folder of grades do too.
KEEPS = {"acquire", "generate"}

# Stages that read rows and make no table for a chart.
WITHOUT_PANDAS = {"prompts", "generate", "score", "aggregate", "compare"}


def _parser(verb: str | None) -> argparse.ArgumentParser:
    """The parser; only the stage that is called is imported and asked for its arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m featherweight",
        description=(
            "How far do small language models reason? The stages of the study, one verb each."
        ),
        epilog="The whole study: snakemake --cores all",
    )
    parser.add_argument("--version", action="version", version=f"featherweight {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, purpose in VERBS.items():
        stage = verbs.add_parser(
            name, help=purpose, description=purpose[0].upper() + purpose[1:] + "."
        )
        if name == verb:
            stage.add_argument(
                "--log", type=Path, metavar="FILE", help="also write messages to this file"
            )
            _configure(name, stage)
    return parser


def _configure(verb: str, parser: argparse.ArgumentParser) -> None:
    """Add the stage's arguments; to `score` also those of `bring`, for answers from elsewhere."""
    for name in ("score", "bring") if verb == "score" else (verb,):
        import_module(f"featherweight.{name}").configure(parser)


def _module(args: argparse.Namespace) -> ModuleType:
    """What runs: the stage, or `bring` where `score` is given answers from elsewhere."""
    if args.verb == "score" and args.responses is not None:
        return import_module("featherweight.bring")
    return import_module(f"featherweight.{args.verb}")


def _start_log(path: Path | None) -> None:
    """Plain lines on the error stream, and in the log file if one is named."""
    # a log file on a full disk must not bury the message under its own traceback
    logging.raiseExceptions = False
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(path, mode="w", encoding="utf-8"))
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=handlers, force=True)
    for noisy in ("httpx", "httpx2", "httpcore", "filelock", "huggingface_hub", "transformers"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _again(args: argparse.Namespace | None) -> str:
    """What running the same command again does: a verb that keeps nothing begins again."""
    keeps = args is not None and (
        args.verb in KEEPS
        or any(getattr(args, name, None) is not None for name in ("cache", "grades"))
    )
    return (
        "what was finished is kept, the same command goes on from there"
        if keeps
        else ("nothing was kept, the same command begins again")
    )


def _said(error: OSError, args: argparse.Namespace | None) -> str | None:
    """What a full disk or a wrong path means to a person; None: not theirs to mend."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"{error.filename or 'the disk'}: no space left on the disk; nothing is half-written"
            f" under its final name: free some space; {_again(args)}"
        )
    if error.filename is not None and isinstance(
        error,
        FileNotFoundError
        | FileExistsError
        | PermissionError
        | IsADirectoryError
        | NotADirectoryError,
    ):
        return (
            f"{error.filename}: {error.strerror}; correct the path, or run the stage that writes it"
        )
    return None


def main(arguments: list[str] | None = None) -> int:
    """Run one verb.

    Returns the exit code: 0, 2 for input that cannot be used, 130 when interrupted.
    """
    words = sys.argv[1:] if arguments is None else arguments
    verb = next((word for word in words if word in VERBS), None)
    log = logging.getLogger("featherweight")
    _start_log(None)
    args = None
    try:
        args = _parser(verb).parse_args(words)
        _start_log(args.log)
        if args.verb in WITHOUT_PANDAS:
            import_module("featherweight.files").spare_pandas()
        if getattr(args, "output", None) is not None:
            import_module("featherweight.files").check_target(args.output, folder=True)
        _module(args).main(args)
    except InputError as error:
        if os.environ.get("FEATHERWEIGHT_TRACEBACK"):
            raise
        for problem in error.problems:
            log.error("error: %s", problem)
        return 2
    except OSError as error:
        if os.environ.get("FEATHERWEIGHT_TRACEBACK") or (said := _said(error, args)) is None:
            raise
        log.error("error: %s", said)
        return 2
    except KeyboardInterrupt:
        log.error("interrupted; %s", _again(args))
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
