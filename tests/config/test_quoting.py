import random
import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from mfn.config.quoting import quoted, quoted_override, typed

AWKWARD = [
    *("~/faces", "faces (2)", "a=b", "[1]", ",", "人脸", " a ", "a b", "2024", "1e3", "null", "", "true", "{x}", "'q"),
    *('"q', "\\", "C:\\faces\\", 'a\\"b', "a#b", "x;y", "$HOME", "!", "`a`", "é", "-1", "0x10", "inf", "a:b"),
]


def value_of(override: str) -> object:
    return OverridesParser.create().parse_override(override).value()


@pytest.mark.parametrize("text", AWKWARD)
def test_hydra_gives_back_the_very_text_that_was_quoted(text: str) -> None:
    assert value_of(f"data.root={quoted(text)}") == text
    (word,) = shlex.split(typed(quoted_override("data.root", text)))
    assert value_of(word) == text


def test_any_text_survives() -> None:
    draw = random.Random(0)
    for _ in range(2000):
        text = "".join(draw.choice("abE01\\\"' =,()[]{}~:#%é人\t.-+_/") for _ in range(draw.randint(0, 8)))
        assert value_of(quoted_override("data.root", text)) == text


def test_what_needs_no_quotes_gets_none() -> None:
    assert quoted_override("model_path", "outputs/2026-11-25/best.ckpt") == "model_path=outputs/2026-11-25/best.ckpt"
