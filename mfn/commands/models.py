"""``mfn models``: the networks there are, how large and how fast."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from mfn.bench.timing import alternating_times
from mfn.commands.program import find_own_modules
from mfn.commands.screen import plain_program
from mfn.config.build import build, trust
from mfn.config.compose import choices_of, composed
from mfn.files.ownership import is_json, refuse_to_replace, write_json
from mfn.models.count import network_size
from mfn.progress import tracked
from mfn.report.tables import table
from mfn.training.assembly import model_alone

log = logging.getLogger(__name__)


def main(arguments: Sequence[str], verb: str = "models") -> None:
    """Runs the command."""
    with plain_program():
        options = parser(verb).parse_args(arguments)
        if options.json is not None:
            refuse_to_replace(options.json, is_json)
        find_own_modules(options.config_dir)
        trust([], options.config_dir)
        names = options.names or [name for name in choices_of("model", options.config_dir) if name != "timm"]
        rows = list(tracked((row(name, options) for name in names), len(names), "networks", lambda _: 1))
        title = f"Networks, timed on {options.threads} threads of this machine" if options.threads else "Networks"
        log.info(table(title, rows))
        if options.json is not None:
            write_json(options.json, rows)


def parser(verb: str = "models") -> argparse.ArgumentParser:
    """What there is to type."""
    words = argparse.ArgumentParser(f"mfn {verb}", description=__doc__)
    words.add_argument("names", nargs="*", help="as in model=NAME; all without")
    words.add_argument("--image-size", default="112,112", metavar="H,W", help="height and width of the images")
    words.add_argument("--threads", type=int, default=torch.get_num_threads(), help="to time with; 0 times nothing")
    words.add_argument("--config-dir", help="folder with a configuration of your own")
    words.add_argument("--json", type=Path, help="also write the rows here")
    return words


def row(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """What there is to say of one network.

    Raises:
        ConfigError: There is none of that name, or it does not take images of that size.
    """
    config = composed("train", [f"model={name}", f"image_size=[{options.image_size}]"], options.config_dir)
    network = build(model_alone(config)).eval()
    size = network_size(network, tuple(config.image_size))
    found = {
        "model": name,
        "parameters (M)": f"{size.parameters / 1e6:.2f}",
        "multiply-adds (M)": f"{size.multiply_adds / 1e6:,.0f}",
        "float32 (MB)": f"{size.megabytes:.1f}",
        "embedding": config.model.embedding_dim,
        "pixels": "x".join(map(str, config.image_size)),
    }
    if options.threads:
        image = torch.zeros(1, 3, *config.image_size)
        with torch.inference_mode():
            times = alternating_times({name: lambda: network(image)}, 5, options.threads)[name]
        found["ms an image"] = f"{sorted(times)[2]:.1f}"
    return found
