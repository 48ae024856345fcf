"""What the README and the documentation show is what works."""

import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from mfn.commands.launch import jobs_of
from mfn.commands.main import VERBS
from mfn.config.command_line import CommandLine
from mfn.config.compose import composed
from mfn.config.prepare_words import parse_words
from mfn.config.several import with_several
from tests.docs.pages import PAGES, ROOT, Block, blocks
from tests.scripts import TINY, run_script

HYDRAS = ("train", "evaluate", "export")
STEPS = {"": "prepare", **dict.fromkeys(("align", "clean", "balance", "split", "pack"), "prepare")}
STEPS |= {"bin": "prepare_bin", "pairs": "prepare_pairs", "shards": "prepare_shards"}
SHOWN = [block for block in blocks() if not block.mark.startswith(("test: skip", "file:"))]


def understand(command: str) -> None:
    """Makes sure that a command line is one that its program takes."""
    words = [word for word in shlex.split(command, comments=True) if word != "..."]
    verb = words[1].removesuffix(".py") if words[0] == "python" else words[1]
    rest = words[2:]
    assert verb in VERBS, command
    if verb == "prepare":
        parsed = parse_words(rest, STEPS, "")
        composed(STEPS[parsed.step], parsed.overrides)
    elif verb not in HYDRAS:
        import_module(f"mfn.commands.{VERBS[verb][0]}").parser().parse_args(rest)
    else:
        for job in jobs_of(with_several(CommandLine.parse(rest)).understandable()):
            composed(verb, job)


@pytest.mark.parametrize("block", [each for each in SHOWN if list(each.commands)], ids=lambda block: block.id)
def test_commands_are_understood(block: Block) -> None:
    if "--config-dir" not in block.text:
        for command in block.commands:
            understand(command)


@pytest.mark.parametrize("block", [each for each in SHOWN if each.language in ("python", "yaml")], ids=lambda b: b.id)
def test_code_is_code(block: Block) -> None:
    if block.language == "python":
        compile(block.text, block.id, "exec")
    else:
        yaml.safe_load(block.text)


@pytest.mark.slow
def test_the_examples_of_ones_own_parts_run(tmp_path: Path) -> None:
    short = [*(word for word in TINY if "epochs" not in word and "num_ident" not in word), "trainer.max_epochs=1"]
    ran = 0
    for block in [each for each in blocks() if each.page == "extend"]:
        if block.mark.startswith("file: "):
            path = tmp_path / block.mark.removeprefix("file: ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
        elif block.mark == "test: run":
            for command in block.commands:
                _, script, *words = shlex.split(command)
                left = {"model=tiny": "model.width", "data=discs": "data.source"}
                more = [each for each in short if not any(key in words and each.startswith(left[key]) for key in left)]
                quick = more if script == "train.py" else ["latency.rounds=0"]
                run_script(script.removesuffix(".py"), *quick, *words, cwd=tmp_path)
                ran += 1
        elif block.mark == "test: run with my":
            code = f"import sys; sys.path.append('my')\n{block.text}"
            subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env={"PYTHONPATH": str(ROOT)})
            ran += 1
    assert ran == 7


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert "://" in link or (page.parent / link).exists(), f"{page.name}: {link}"


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200
