"""Named subsets of a task's items, as data in the study file: `subset: {stereotyped: Chinese,
named: true}`.

Whom an item is about is not what its list of stereotyped groups says alone: of BBQ's 600
Nationality items that list "Chinese", 560 name no Chinese person, because the dataset's generator
drew others from the list. With `named` the group must also be that of one of the two persons.
Counts in BBQ (nyu-mll/BBQ at bea11bd, category Nationality):

    stereotyped  named  items   templates
    Chinese      True      40   22
    American     True     120   2, 17, 20
    Chinese      False    600   11, 19, 22
    American     False    120   2, 17, 20
"""

from __future__ import annotations

from featherweight.records import Item


def matches(item: Item, stereotyped: str, named: bool = True) -> bool:
    """Whether the item is about a stereotype of this group; `named`: and one of its two persons is
    of the group.

    A person's group stands in the short text of the option ("Chinese") in some categories, in its
    group ("old") in others; either counts. Names are compared as the dataset writes them, capitals
    included.
    """
    if stereotyped not in item.stereotyped_groups:
        return False
    persons = [place for place in range(len(item.options)) if place != item.unknown]
    return not named or any(
        stereotyped in (item.option_names[place], item.option_groups[place]) for place in persons
    )
