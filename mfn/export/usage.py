"""How an app uses a file of each format: the least that works, as text to copy."""

from pathlib import Path
from string import Template

from mfn.export.network import Deployable

SNIPPETS = Path(__file__).parent / "snippets"


def usage(target: str, file: str, deployable: Deployable) -> str:
    """The lines to copy, with the file's own name, size and pixel conventions.

    ``snippets/TARGET.txt`` may hold ``$file``, ``$height``, ``$width``, ``$color``, ``$dim``, ``$dtype`` (of the
    input) and ``$value`` (what becomes of a pixel x).

    Args:
        target: Name of the format.
        file: Name of the exported file.
        deployable: What is in it.

    Returns:
        Text with a heading for each language; empty where the format has none.
    """
    text = SNIPPETS / f"{target}.txt"
    if not text.is_file():
        return ""
    contract = deployable.contract
    mean, std = ("/".join(f"{v:g}" for v in dict.fromkeys(values)) for values in (contract.mean, contract.std))
    return Template(text.read_text(encoding="utf-8")).safe_substitute(
        file=file,
        height=contract.height,
        width=contract.width,
        color=contract.color,
        dim=contract.embedding_dim,
        dtype=deployable.options.input,
        value="x" if deployable.takes_pixels else f"(x - {mean}) / {std}",
    )
