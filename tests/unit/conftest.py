"""Studies that several files of tests look at, made once for all of them."""

from __future__ import annotations

import pytest

import fabricated


@pytest.fixture(scope="session")
def pocket_study(tmp_path_factory: pytest.TempPathFactory) -> fabricated.Study:
    """Four made-up pocket models and two controls."""
    return fabricated.build(
        tmp_path_factory.mktemp("pocket"),
        fabricated.pocket_models(),
        controls=["oracle", "always-unknown"],
    )
