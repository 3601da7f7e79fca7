"""The spec of every stage: the part of a plan that the stage may depend on, and nothing more.

One function per stage. A key that is not in a spec cannot make its stage run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations

from featherweight.canonical import digest
from featherweight.specs import (
    AggregateSpec,
    AskedTask,
    CompareSpec,
    ContrastSpec,
    DecodingSpec,
    DrawSpec,
    GenerateSpec,
    PreflightSpec,
    RenderSpec,
    ReportSpec,
    ScoreSpec,
    Source,
    Spec,
    StudiedModel,
    StudiedTask,
)
from featherweight.study.plan import Plan
from featherweight.study.schema import BY_MODEL


def acquire_model(plan: Plan, model: str) -> Source:
    """Where a model comes from."""
    facts = plan.facts(model)
    return Source(
        what="model",
        name=model,
        kind=facts.kind,
        repository=facts.repository,
        revision=facts.revision,
        gated=facts.gated,
        folder=facts.folder,
        licence=facts.licence,
        prompt_format=facts.prompt_format,
        alternative=facts.alternative,
    )


def acquire_dataset(plan: Plan, dataset: str) -> Source:
    """Where a dataset comes from."""
    facts = plan.catalogue.datasets[dataset]
    return Source(
        what="dataset",
        name=dataset,
        kind=facts.kind,
        repository=facts.repository,
        revision=facts.revision,
        folder=plan.config.datasets.get(dataset, facts.folder),
        licence=facts.licence,
        url=facts.url,
        files=facts.files,
    )


def preflight(plan: Plan) -> PreflightSpec:
    """Everything that a study needs from outside."""
    return PreflightSpec(
        study=plan.name,
        engine=plan.engine,
        models=tuple(acquire_model(plan, model) for model in plan.models),
        datasets=tuple(acquire_dataset(plan, dataset) for dataset in plan.datasets),
    )


def draw(plan: Plan, label: str) -> DrawSpec:
    """Which items a task entry draws."""
    entry = plan.entry(label)
    cells = [cell for cell in plan.cells() if cell.task == label]
    return DrawSpec(
        label=label,
        task=entry.task,
        count=None if entry.prompts_per_category == "all" else entry.prompts_per_category,
        subset=entry.subset,
        draws=tuple(sorted({(cell.category, cell.item_seed) for cell in cells})),
    )


def _asked(plan: Plan, model: str) -> dict[str, AskedTask]:
    return {
        label: AskedTask(
            task=plan.entry(label).task,
            wording=plan.wording(label, model),
            answers=plan.entry(label).answers,
        )
        for label in plan.labels(model)
    }


def wording_pairs(plan: Plan) -> tuple[tuple[str, str], ...]:
    """Labels of each two entries that ask a model the same questions in two wordings, answers
    generated.
    """
    written = [entry.name for entry in plan.study.tasks if entry.answers == "generated"]
    return tuple(
        (first, second)
        for first, second in combinations(written, 2)
        if any(
            plan.wording(first, model) != plan.wording(second, model)
            for model in plan.asked(first)
            if model in plan.asked(second)
        )
        and draw(plan, first) == draw(plan, second).model_copy(update={"label": first})
    )


def _contrasts(plan: Plan) -> tuple[ContrastSpec, ...]:
    """The contrasts that the study names, and one for each two wordings that it does not name."""
    named = plan.study.contrasts
    pairs = {frozenset(one.pair) for one in named}
    return (
        *(ContrastSpec(pair=one.pair, caution=one.caution) for one in named),
        *(
            ContrastSpec(pair=(second, first))
            for first, second in wording_pairs(plan)
            if {first, second} not in pairs
        ),
    )


def render(plan: Plan, model: str) -> RenderSpec:
    """How a model's prompts are rendered."""
    facts = plan.facts(model)
    return RenderSpec(
        name=model,
        kind=facts.kind,
        prefill=facts.prefill,
        system=facts.system,
        prompt_format=facts.prompt_format,
        thinking=facts.thinking,
        cells=tuple(plan.cells(model)),
        tasks=_asked(plan, model),
    )


def _decoding(plan: Plan, model: str) -> DecodingSpec:
    every = plan.study.decoding.model_dump()
    change = plan.study.decoding_by_model.get(model)
    if change is not None:
        every |= change.model_dump(exclude_none=True)
    return DecodingSpec(**every)


def generate(plan: Plan, model: str) -> GenerateSpec:
    """How a model's answers are generated, or by which rule a control answers."""
    facts = plan.facts(model)
    return GenerateSpec(
        model=model,
        revision=facts.revision,
        engine=plan.engine,
        control=facts.control,
        dtype=plan.study.dtype,
        decoding=_decoding(plan, model),
        samples_per_prompt=plan.study.samples_per_prompt,
        samples_by_task=_samples_by_task(plan, plan.labels(model)),
        thinking=facts.thinking,
        chunk=None,
        shards=plan.config.shards,
        cells=tuple(plan.cells(model)),
        tasks=_task_names(plan, model),
    )


def _samples_by_task(plan: Plan, labels: Iterable[str]) -> dict[str, int]:
    own = {label: plan.entry(label).samples_per_prompt for label in labels}
    return {label: count for label, count in own.items() if count is not None}


def _task_names(plan: Plan, model: str | None = None) -> dict[str, str]:
    """The task behind each label that a model is asked; without one behind every label."""
    labels = None if model is None else plan.labels(model)
    return {
        entry.name: entry.task
        for entry in plan.study.tasks
        if labels is None or entry.name in labels
    }


def _policies(plan: Plan) -> dict[str, str]:
    return {entry.name: plan.policy(entry.name) for entry in plan.study.tasks}


def score(plan: Plan, model: str) -> ScoreSpec:
    """Which cells of a model are scored."""
    tables = {one.task: one.table for one in plan.facts(model).planted if one.table is not None}
    names = _task_names(plan, model)
    planted = {label: tables[task] for label, task in names.items() if task in tables}
    return ScoreSpec(
        model=model,
        cells=tuple(plan.cells(model)),
        tasks=names,
        samples_per_prompt=plan.study.samples_per_prompt,
        samples_by_task=_samples_by_task(plan, plan.labels(model)),
        planted=planted,
        temperature=_decoding(plan, model).temperature if planted else None,
    )


def aggregate(plan: Plan) -> AggregateSpec:
    """What the estimates are made of."""
    study = plan.study
    return AggregateSpec(
        models=tuple(plan.models),
        controls=tuple(study.controls),
        tasks=_task_names(plan),
        policies=_policies(plan),
        baseline=study.baseline,
        contrasts=_contrasts(plan),
        draws=study.bootstrap_draws,
    )


def _studied_model(plan: Plan, model: str) -> StudiedModel:
    facts = plan.facts(model)
    return StudiedModel(
        name=model,
        kind=facts.kind,
        label=facts.label,
        control=facts.control,
        planted=tuple(facts.planted),
        parameters_billion=facts.parameters_billion,
        repository=facts.repository,
        revision=facts.revision,
        licence=facts.licence,
    )


def _studied_task(plan: Plan, label: str) -> StudiedTask:
    entry, models = plan.entry(label), plan.asked(label)
    by_model = entry.wording == BY_MODEL
    return StudiedTask(
        label=label,
        task=entry.task,
        name=plan.catalogue.datasets[entry.task].label,
        models=tuple(models),
        wording=None if by_model else plan.wording(label, models[0]),
        wordings={model: plan.wording(label, model) for model in models if by_model},
        answers=entry.answers,
        categories=tuple(plan.categories(label)),
        draw=draw(plan, label),
    )


def compare(plan: Plan) -> CompareSpec:
    """What the comparison must know about models and tasks."""
    study = plan.study
    return CompareSpec(
        study=plan.name,
        title=study.title,
        question=study.question,
        models={model: _studied_model(plan, model) for model in plan.models},
        controls=tuple(study.controls),
        tasks={label: _studied_task(plan, label) for label in sorted(_task_names(plan))},
        wording_pairs=wording_pairs(plan),
        contrasts=_contrasts(plan),
        policies=_policies(plan),
        baseline=study.baseline,
        max_new_tokens=study.decoding.max_new_tokens,
    )


def report(plan: Plan) -> ReportSpec:
    """What the report says about the study itself."""
    study = plan.study
    return ReportSpec(
        **dict(compare(plan)),
        engine=plan.engine,
        partial=plan.partial,
        dtype=study.dtype,
        decoding={model: _decoding(plan, model) for model in plan.models},
        samples_per_prompt=study.samples_per_prompt,
        samples_by_task=_samples_by_task(plan, _task_names(plan)),
        seeds=tuple(study.seeds),
        same_items=study.same_items,
        bootstrap_draws=study.bootstrap_draws,
        examples_per_cell=plan.config.examples_per_cell,
        thinking=tuple(model for model in plan.models if plan.facts(model).thinking is not None),
        config_hash=digest(study.model_dump(mode="json"))[:16],
        cells=tuple(plan.cells()),
    )


# For the rules: which function makes the spec of a stage, and of which of its jobs.
OF_STUDY: dict[str, Callable[[Plan], Spec]] = {
    "preflight": preflight,
    "aggregate": aggregate,
    "compare": compare,
    "report": report,
}
OF_JOB: dict[str, Callable[[Plan, str], Spec]] = {
    "acquire_model": acquire_model,
    "acquire_dataset": acquire_dataset,
    "draw": draw,
    "render": render,
    "generate": generate,
    "score": score,
}
