"""Keys of a study file, of `models.yaml`, `datasets.yaml` and `config.yaml`, as pydantic models.

Field names are the keys of the files. One real entry of a study's `tasks`:

    - {task: pocket, label: pocket-likelihood, prompts_per_category: 100, answers: likelihood}
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from featherweight.specs import (
    AnswersBy,
    Commit,
    Dtype,
    EngineName,
    ModelKind,
    PlantedSpec,
    RelativePath,
    Scalar,
    Thinking,
)

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Names = Annotated[list[Name], Field(min_length=1)]
Seeds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
Count = Literal["all"] | Annotated[int, Field(ge=1)]
BY_MODEL = "by-model"  # as a wording: what models.yaml names for each model


def _number(value: object) -> object:
    """YAML reads `1e-3` as text; a number that a person wrote in that form is a number."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


Temperature = Annotated[float, Field(ge=0.0, le=10.0), BeforeValidator(_number)]
Probability = Annotated[float, Field(gt=0.0, le=1.0), BeforeValidator(_number)]
Tokens = Annotated[int, Field(ge=1, le=131072)]
Samples = Annotated[int, Field(ge=1, le=4096)]


class Strict(BaseModel):
    """No unknown keys, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DecodingFacts(Strict):
    """How tokens are chosen. temperature 0 is greedy; top_k 0 and top_p 1 switch those cuts off."""

    temperature: Temperature = 0.0
    top_p: Probability = 1.0
    top_k: int = Field(default=0, ge=0)
    max_new_tokens: Tokens = 512


class DecodingChange(Strict):
    """What one model does otherwise than the study."""

    temperature: Temperature | None = None
    top_p: Probability | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    max_new_tokens: Tokens | None = None


class TaskEntry(Strict):
    """One task of a study: which items, how many, in which wording, and who is asked."""

    task: Name
    label: Name | None = None  # the name in results and report; the task's own name by default
    categories: Literal["all"] | Names = "all"
    prompts_per_category: Count = 100
    # the task's first wording by default; by-model: the one that models.yaml names for each model
    wording: Name | None = None
    # models and controls of the study; by default every model, and every control that has a rule
    models: Names | None = None
    # Only the items that match; which keys there are, the task says.
    subset: Annotated[dict[str, Scalar], Field(min_length=1)] | None = None
    # likelihood: the option that the model finds likeliest
    answers: AnswersBy = "generated"
    samples_per_prompt: Samples | None = None  # the study's by default

    @property
    def name(self) -> str:
        """What results and report call this entry."""
        return self.label or self.task


class Contrast(Strict):
    """Two task labels that are compared within each model; `caution` is printed beside it."""

    pair: tuple[Name, Name]
    caution: str | None = None


class Study(Strict):
    """A study: models x tasks x seeds x decoding."""

    title: str
    question: str
    models: list[Name]  # may be empty where there are controls
    controls: list[Name] = []
    tasks: Annotated[list[TaskEntry], Field(min_length=1)]
    contrasts: list[Contrast] = []
    seeds: Seeds = [0]
    same_items: bool = False  # true: every seed gets the items of the first; only decoding differs
    samples_per_prompt: Samples = 1
    decoding: DecodingFacts = DecodingFacts()
    decoding_by_model: dict[Name, DecodingChange] = {}
    dtype: Dtype = "auto"
    policy: Name = "drop"  # for unread answers, of every task that has none of its own
    baseline: Name | None = None  # differences are taken from this model; null: every pair
    bootstrap_draws: int = Field(default=2000, ge=200, le=100_000)


class ModelFacts(Strict):
    """One model of models.yaml."""

    kind: ModelKind
    label: str
    repository: Annotated[str, Field(pattern=r"^[^/\s]+/[^/\s]+$")] | None = None
    revision: Commit | None = None
    folder: str | None = None
    control: Name | None = None  # the rule that a control answers by
    licence: str | None = None
    gated: bool = False
    # an ungated model that may stand in, chosen by the user, never silently
    alternative: Name | None = None
    parameters_billion: float | None = None
    thinking: Thinking | None = None
    prefill: str | None = None
    system: str | None = None
    prompt_format: str | None = None
    planted: list[PlantedSpec] = []
    wordings: dict[Name, Name] = {}  # task -> wording, for entries that say wording: by-model

    @model_validator(mode="after")
    def _consistent(self) -> ModelFacts:
        if self.kind == "hub" and self.repository is None:
            raise ValueError("a model of kind hub needs a repository")
        if self.kind == "control" and self.control is None:
            raise ValueError("a model of kind control needs control: the rule it answers by")
        if self.prompt_format is not None and "{message}" not in self.prompt_format:
            raise ValueError("prompt_format must contain {message}")
        return self


class DatasetFacts(Strict):
    """One dataset of datasets.yaml."""

    kind: Literal["folder", "https"]
    label: str
    folder: str | None = None
    repository: str | None = None
    revision: Commit | None = None
    url: str | None = None
    licence: str
    citation: str | None = None
    homepage: str | None = None
    files: dict[RelativePath, str] = {}

    @model_validator(mode="after")
    def _consistent(self) -> DatasetFacts:
        if self.kind == "https" and not (self.url and self.files):
            raise ValueError("a dataset of kind https needs url and files")
        return self


class Config(Strict):
    """config.yaml, with whatever `--config` and `--configfile` put over it."""

    study: Name = "auto"
    engine: Literal["auto", EngineName] = "auto"
    results: str = "results"
    offline: bool = False
    shards: int = Field(default=1, ge=1, le=1024)
    models: Names | None = None
    categories: Names | None = None
    seeds: Seeds | None = None
    prompts_per_category: Count | None = None
    dtype: Dtype | None = None
    datasets: dict[Name, str] = {}
    model_folders: dict[Name, str] = {}
    mirrors: list[str] = []
    downloads: str | None = None
    examples_per_cell: int = Field(default=3, ge=0, le=1000)
