"""The table of published sets, against what the configuration can read."""

import pytest

from mfn.benchmarks.known_sets import HEARSAY, KNOWN_SETS, KnownSet
from mfn.config.compose import choices_of


def test_every_choice_is_in_the_table_and_every_word_is_a_choice() -> None:
    words = {word for known in KNOWN_SETS for word in known.word.removeprefix("benchmark=").replace(",", "").split()}
    assert words == set(choices_of("benchmark"))


@pytest.mark.parametrize("known", KNOWN_SETS, ids=lambda known: known.name)
def test_each_set_says_its_terms_and_where_it_is_from(known: KnownSet) -> None:
    assert (HEARSAY in known.told_terms) is not known.verified
    assert all(getattr(known, field) for field in ("name", "tests", "size", "terms", "source"))
