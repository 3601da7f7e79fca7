"""Sample logs of lm-evaluation-harness and of Inspect, to be rescored. No I/O.

lm-evaluation-harness 0.4.13 (`--log_samples`, lm_eval/evaluator.py and
loggers/evaluation_tracker.py) writes one JSON object per line. `doc` is the dataset's row, `resps`
holds a list of answers per request: texts for `bbq_generate`, [log-likelihood, is greedy] per
candidate for `bbq`, whose candidates stand in `arguments`. One real line, shortened:

    {"doc_id": 0, "doc": {"example_id": 0, "category": "Age", "ans0": ..., "ans2": ...}, "resps":
     [["The nephew"]],
     "arguments": {"gen_args_0": {"arg_0": "...", "arg_1": {...}}}, "filter": "none"}

Inspect writes one JSON document (`--log-format json`) with the samples under `samples`, or a zip
archive (`.eval`) with one JSON document per sample. inspect_evals 0.26.0 (bbq.py) puts BBQ's
`category` into a sample's `metadata` and `example_id` under the name `source_id`; the options in
the dataset's order are `choices`. What the model was shown stands in `messages`
(solver/_multiple_choice.py puts the options there as "A) ..."), and where `multiple_choice`
shuffled them, the order as well: it rewrites prompt and answer together, or leaves both as they
were.

A letter counts only where the logged prompt shows the options after letters (`shown`), whatever the
task is called: lm-evaluation-harness's own `bbq_generate` asks "Q: ... A:" and shows none, so that
the A of an answer is an article or an abbreviation there, and a config of one's own may show them.
An answer without its prompt is read as if no letters had been shown: what a letter meant nobody
knows then, and an answer left unread is better than one misread. How many of either there were is
said in a note.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable
from typing import Any, NamedTuple

from featherweight.bring.response import Answers, Problems, Response
from featherweight.bring.shown import shown_after_letters, text_of
from featherweight.errors import InputError
from featherweight.records import Finish

_OPTIONS = ("ans0", "ans1", "ans2")


# --- lm-evaluation-harness
# ----------------------------------------------------------------------------------------


def is_lm_eval(line: dict[str, Any]) -> bool:
    """Whether a line is a logged sample of lm-evaluation-harness."""
    return "doc_id" in line and "resps" in line


def lm_eval_log(lines: list[tuple[str, dict[str, Any]]], problems: Problems) -> Answers:
    """The answers of a sample log.

    A sample that is there once per filter counts once, with its unfiltered answer.
    """
    first_filter = lines[0][1].get("filter")
    kept: list[Response] = []
    aside, letters = 0, _Letters()
    for where, line in lines:
        if not is_lm_eval(line):
            problems.add(
                where, "expected a logged sample with doc_id and resps, like the lines before"
            )
        elif line.get("filter") != first_filter:
            aside += 1
        else:
            kept += _lm_eval_sample(where, line, letters, problems)
    notes = (
        [f"{aside} lines are the same samples under other filters than {first_filter!r}"]
        if aside
        else []
    )
    return Answers("lm-evaluation-harness sample log", kept, (*notes, *letters.notes()))


class _Letters:
    """The options that a prompt shows after letters, and how many answers lack such a prompt."""

    def __init__(self) -> None:
        self.bare = 0
        self.without_prompt = 0

    def asked(
        self, base: Response, prompt: str | None, options: tuple[str, ...], answers: int
    ) -> Response:
        """The response with the options as its prompt showed them; `answers` to it are counted."""
        if prompt is None or not options:
            self.without_prompt += answers
            return base._replace(lettered=False)
        shown = shown_after_letters(prompt, options)
        if shown is None:
            self.bare += answers
            return base._replace(lettered=False)
        return base._replace(shown=shown)

    def notes(self) -> list[str]:
        """What a reader must know about letters; nothing where every prompt showed them."""
        said = "a letter in them counts for nothing"
        notes = []
        if self.bare:
            notes.append(
                f"{self.bare} answers are to prompts that show no letters before the options:"
                f" {said}"
            )
        if self.without_prompt:
            notes.append(
                f"{self.without_prompt} answers are logged without their prompt or its options:"
                f" {said}"
            )
        return notes


def _lm_eval_sample(
    where: str, line: dict[str, Any], letters: _Letters, problems: Problems
) -> list[Response]:
    doc = line.get("doc")
    wanted = ("category", "example_id", *_OPTIONS)
    if not isinstance(doc, dict) or any(key not in doc for key in wanted):
        problems.add(
            where,
            f"doc: expected a row of BBQ with {', '.join(wanted)}; is this another task's log?",
        )
        return []
    if not str(doc["example_id"]).isdecimal():
        problems.add(
            where,
            f"doc: example_id: expected a whole number, got {json.dumps(doc['example_id'])[:60]}",
        )
        return []
    base = Response(
        model=None,
        category=str(doc["category"]),
        example_id=int(doc["example_id"]),
        text="",
        where=where,
        shown=tuple(str(doc[key]) for key in _OPTIONS),
    )
    answers = line["resps"]
    if _is_likelihood(answers):
        return _by_likelihood(base, line, problems)
    texts = (
        answers[0]
        if isinstance(answers, list) and answers and isinstance(answers[0], list)
        else answers
    )
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        problems.add(
            where, f"resps: expected a list of texts per request, got {json.dumps(answers)[:60]}"
        )
        return []
    base = letters.asked(base, _logged_prompt(line), base.shown or (), len(texts))
    return [base._replace(text=text, sample_index=index) for index, text in enumerate(texts)]


def _logged_prompt(line: dict[str, Any]) -> str | None:
    """The prompt of a line's first request; older logs hold lists instead of a mapping."""
    requests = line.get("arguments")
    if isinstance(requests, dict):
        first = requests.get("gen_args_0")
        return text_of(first.get("arg_0")) if isinstance(first, dict) else None
    first = requests[0] if isinstance(requests, list) and requests else None
    return text_of(first[0] if isinstance(first, list) and first else first)


def _is_likelihood(answers: Any) -> bool:
    """Whether each request has a [log-likelihood, is greedy], as multiple-choice tasks log."""
    return (
        isinstance(answers, list)
        and len(answers) > 1
        and all(
            isinstance(one, list) and one and isinstance(one[0], list) and len(one[0]) == 2
            for one in answers
        )
    )


def _by_likelihood(base: Response, line: dict[str, Any], problems: Problems) -> list[Response]:
    """The candidate with the highest log-likelihood; the first of equals, as the harness does."""
    requests = line.get("arguments")
    if isinstance(requests, dict):
        requests = [[part.get("arg_0"), part.get("arg_1")] for part in requests.values()]
    try:
        values = [float(one[0][0]) for one in line["resps"]]
        candidates = [str(pair[1]).strip() for pair in requests or []]
        best = candidates[max(range(len(values)), key=lambda place: values[place])]
    except (ValueError, TypeError, IndexError, KeyError):
        problems.add(base.where, "expected one log-likelihood in resps per candidate in arguments")
        return []
    return [base._replace(option=best)]


# --- Inspect
# ------------------------------------------------------------------------------------------------


def is_inspect(document: Any) -> bool:
    """Whether a JSON document is a log of Inspect."""
    return (
        isinstance(document, dict)
        and isinstance(document.get("eval"), dict)
        and "status" in document
    )


def inspect_log(document: dict[str, Any], where: str, problems: Problems) -> Answers:
    """The answers of an Inspect log."""
    samples = document.get("samples")
    if not samples:
        raise InputError(
            f"{where}: this log of Inspect holds no samples; was it written with --no-log-samples?"
        )
    return _inspect(
        document["eval"], ((f"{where}: sample {_id(one)}", one) for one in samples), problems, "log"
    )


def inspect_archive(content: bytes, where: str, problems: Problems) -> Answers:
    """The answers of an Inspect archive (.eval): a zip with a header and one JSON per sample."""
    advice = (
        "convert it with `inspect log convert --to json --output-dir DIR FILE` and give the .json"
        " file"
    )
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        names = archive.namelist()
        samples = sorted(
            name for name in names if name.startswith("samples/") and name.endswith(".json")
        )
        header = next(
            (name for name in ("header.json", "_journal/start.json") if name in names), None
        )
        if header is None or not samples:
            raise InputError(
                f"{where}: expected an archive of Inspect (header.json and samples/*.json);"
                f" {advice}"
            )
        about = json.loads(archive.read(header))["eval"]
        logged = ((f"{where}: {name}", json.loads(archive.read(name))) for name in samples)
        return _inspect(about, logged, problems, "archive")
    except (zipfile.BadZipFile, NotImplementedError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{where}: this archive of Inspect cannot be read ({error}); {advice}"
        ) from error


def _inspect(
    about: dict[str, Any],
    samples: Iterable[tuple[str, dict[str, Any]]],
    problems: Problems,
    kind: str,
) -> Answers:
    model = str(about["model"]) if about.get("model") else None
    responses, failed, letters = [], 0, _Letters()
    for where, sample in samples:
        if not isinstance(sample, dict):
            problems.add(
                where, f"expected a sample as a JSON object, got {json.dumps(sample)[:60]}"
            )
            continue
        if sample.get("error"):
            failed += 1
            continue
        response = _inspect_sample(where, sample, model, letters, problems)
        if response is not None:
            responses.append(response)
    notes = [f"{failed} samples ended with an error and hold no answer"] if failed else []
    return Answers(f"Inspect {kind}", responses, (*notes, *letters.notes()))


def _id(sample: Any) -> Any:
    return sample.get("id") if isinstance(sample, dict) else sample


def _inspect_sample(
    where: str, sample: dict[str, Any], model: str | None, letters: _Letters, problems: Problems
) -> Response | None:
    metadata = sample["metadata"] if isinstance(sample.get("metadata"), dict) else {}
    number = metadata.get("source_id", metadata.get("example_id"))
    if not isinstance(metadata.get("category"), str) or not isinstance(number, int):
        problems.add(
            where,
            "metadata: expected BBQ's category and source_id or example_id; is this another task's"
            " log?",
        )
        return None
    output = _output(sample)
    if output is None:
        problems.add(where, "output: expected choices with a message, got none")
        return None
    choices = tuple(map(str, sample.get("choices") or ()))
    base = Response(
        model=model,
        category=metadata["category"],
        example_id=number,
        text=output.text,
        where=where,
        sample_index=epoch - 1 if isinstance(epoch := sample.get("epoch"), int) else 0,
        shown=choices or None,
        finish=output.finish,
    )
    return letters.asked(base, _inspect_prompt(sample), choices, 1)


def _inspect_prompt(sample: dict[str, Any]) -> str | None:
    """All messages but the model's own; else the sample's input, which a solver may change."""
    told = text_of(sample.get("messages"))
    return text_of(sample.get("input")) if told is None else told


class Output(NamedTuple):
    """What the model said in one sample."""

    text: str
    finish: Finish


def _output(sample: dict[str, Any]) -> Output | None:
    """The first answer.

    Content is a text, or a list of parts of which those of type "text" are the answer.
    """
    try:
        choice = sample["output"]["choices"][0]
        content = choice["message"]["content"]
    except (KeyError, IndexError, TypeError):
        return None
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict) and part.get("type") == "text"]
        content = "\n".join(str(part.get("text", "")) for part in parts)
    if not isinstance(content, str):
        return None
    cut = choice.get("stop_reason") in ("max_tokens", "model_length")
    return Output(content, "length" if cut else "stop")
