"""What was asked: items of a dataset, and the prompts that a model saw.

One real row of each:

    Item(task="mmlu", item_id="human_aging-test-0007", category="human_aging",
         cluster="human_aging:7", block="human_aging:7", group="human_aging", stratum=None,
         context="", question="The houses of the future may allow you to ...",
         options=("Technohouse", "Compuhouse", "Futurehouse", "Smarthouse"), gold="Smarthouse")
    Prompt(model="pocket-fair", task="mmlu", category="human_aging", item_seed=0, sample_seed=0,
           item_id="human_aging-test-0007", text="<s><user> The houses of the ...",
           token_ids=(1, 5, ...), shown_order=(1, 2, 3, 0), options=None, option_ids=None)
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a dataset. Key: (task, item_id)."""

    task: str  # the label of the study's task entry once it is drawn
    item_id: str
    category: str
    cluster: str  # what intervals are clustered by: a template, a problem
    block: str  # what is drawn together
    group: str  # what is scored apart; the category where the task has no finer one
    stratum: str | None  # one of the task's strata; None: the task has none
    context: str  # "": the question stands alone
    question: str
    options: tuple[str, ...] | None  # in the dataset's order; None: the answer is written freely
    gold: str  # the right answer as text; of a choice, the text of the right option

    @property
    def gold_index(self) -> int:
        """The place of the right option in `options`. Raises ValueError where there are none."""
        if self.options is None:
            raise ValueError(f"{self.item_id}: expected options, got an item that has none")
        return self.options.index(self.gold)


@dataclass(frozen=True, slots=True)
class Choices:
    """What the reader of a choice may know of an item; made by the task."""

    context: str
    question: str
    options: tuple[str, ...]
    names: tuple[str, ...] = ()  # a short text of each option ("grandfather"); (): none is known
    groups: tuple[str, ...] = ()  # the group of each option ("old"); (): none is known
    abstention: int | None = None  # the option that says that it cannot be known; None: none does


@dataclass(frozen=True, slots=True)
class Prompt:
    """One rendered prompt. Key: (model, task, category, item_seed, sample_seed, item_id)."""

    model: str
    task: str
    category: str
    item_seed: int
    sample_seed: int
    item_id: str
    text: str  # as the model sees it, chat template applied
    token_ids: tuple[int, ...]  # the whole prompt; exactly one BOS where the tokenizer has one
    # shown_order[position] = index into Item.options; None: no options are shown
    shown_order: tuple[int, ...] | None
    # By shown position: the answers to choose from by likelihood; None: the answer is generated.
    options: tuple[str, ...] | None = None
    # Their tokens after the prompt; None also for controls.
    option_ids: tuple[tuple[int, ...], ...] | None = None
