"""The card that people read before they use a network: what it is, how good, on which terms, and what nobody knows."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mfn.about import mfn_version
from mfn.checkpoint import markdown
from mfn.contract import InputContract
from mfn.text import printable

NOT_STATED = "not stated"
_LICENCES = {
    *("apache-2.0", "mit", "bsd", "bsd-2-clause", "bsd-3-clause", "isc", "zlib", "unlicense", "cc0-1.0", "openrail"),
    *("cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0", "cc"),
    *("gpl", "gpl-2.0", "gpl-3.0", "agpl-3.0", "lgpl", "lgpl-2.1", "lgpl-3.0", "mpl-2.0", "epl-2.0", "wtfpl"),
    *("other", "unknown"),
}
"""Licences that the Hugging Face hub knows by these words; of all others it wants a name beside ``other``."""

_SIGN = "<!-- written by mfn {version}, sha256 {digest} -->"
_SIGNED = re.compile(r"<!-- written by mfn [^ ]+, sha256 ([0-9a-f]{32}) -->")

LIMITS = (
    "A similarity is no proof of identity: what follows from a match is for people to decide.",
    "The threshold holds for faces like those it was measured on. Other cameras, ages, poses and light have other "
    "rates: measure them with pairs of your own.",
    "Nothing here tells a living face from a photo or a screen: access control needs a check of liveness beside it.",
    "Faces and their embeddings are biometric data; in many countries the law asks for consent.",
)


@dataclass(frozen=True, slots=True)
class Score:
    """One figure for the hub's index of models.

    Attributes:
        dataset: Name of the set.
        metric: As ``accuracy``.
        value: Between 0 and 1.
    """

    dataset: str
    metric: str
    value: float


@dataclass(frozen=True)
class Card:
    """All that a card tells. Values are anybody's text.

    Attributes:
        name: Of the network.
        network: What it is.
        contract: What it expects; None where nobody says.
        usage: Python code.
        library: As the hub calls it.
        licence: Of the weights.
        training: Data, their licence and recipe.
        results: Rows of figures.
        groups: Rows of figures by group of people.
        results_notes: What to know of them.
        scores: The same for the hub.
        sizes: Bytes, parameters, operations.
        speed: Rows of times.
        limits: What it is not fit for.
        not_measured: What nobody knows.
    """

    name: str
    network: Mapping[str, object]
    contract: InputContract | None
    usage: str
    library: str = "mfn"
    licence: str = NOT_STATED
    training: Mapping[str, object] = field(default_factory=dict)
    results: Sequence[Mapping[str, object]] = ()
    groups: Sequence[Mapping[str, object]] = ()
    results_notes: Sequence[str] = ()
    scores: Sequence[Score] = ()
    sizes: Mapping[str, object] = field(default_factory=dict)
    speed: Sequence[Mapping[str, object]] = ()
    limits: Sequence[str] = LIMITS
    not_measured: Sequence[str] = ()


def render_card(card: Card) -> str:
    """Markdown with the front matter of the Hugging Face hub."""
    contract = card.contract
    dim = "some" if contract is None else f"{contract.embedding_dim}"
    parts = [
        markdown.front_matter(_metadata(card)),
        f"# {markdown.plain(card.name)}\n",
        f"A face-verification network: an aligned face in, {dim} numbers out. Two faces show one person when the\n"
        "cosine of their embeddings is at least a threshold.\n",
        markdown.facts({**card.network, **card.sizes}),
        "## Input and threshold\n",
        markdown.facts(contract_facts(contract))
        if contract is not None
        else "The file does not say which pixels it expects, and nobody stated it: without that its embeddings mean "
        "nothing.\n",
        "## Use\n",
        markdown.code(card.usage, "python"),
        "`pip install mobilefacenet` installs mfn.\n",
        "## Training and terms\n",
        markdown.facts({"licence of the weights": card.licence, **card.training}),
        "## Results\n",
        markdown.table(card.results) or "None were given.\n",
        *(
            ["By group of people, at the thresholds that serve all of them:\n", markdown.table(card.groups)]
            if card.groups
            else []
        ),
        *([markdown.bullets(card.results_notes)] if card.results_notes else []),
        *(["## Time\n", markdown.table(card.speed)] if card.speed else []),
        "## Limits\n",
        markdown.bullets(card.limits),
        *(["## Not measured\n", markdown.bullets(card.not_measured)] if card.not_measured else []),
    ]
    text = "\n".join(parts)
    return f"{text}\n{_SIGN.format(version=mfn_version(), digest=_digest(text))}\n"


def is_card_of_ours(path: Path) -> bool:
    """Whether a file is a card as mfn wrote it, which nobody changed since."""
    try:
        text, _, sign = path.read_text(encoding="utf-8").rstrip("\n").rpartition("\n")
    except (OSError, ValueError):
        return False
    found = _SIGNED.fullmatch(sign)
    return found is not None and found[1] == _digest(text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def contract_facts(contract: InputContract) -> dict[str, object]:
    """What a network expects and where its threshold is from, in words."""
    mean, std = ("/".join(f"{value:g}" for value in dict.fromkeys(of)) for of in (contract.mean, contract.std))
    found: dict[str, object] = {
        "input": f"aligned crops of {contract.height}x{contract.width}, {contract.color}, (x - {mean}) / {std}",
        "alignment": "five landmarks (eyes, nose, corners of the mouth) at "
        + ", ".join(f"({x:.1f}, {y:.1f})" for x, y in contract.template),
        "embedding": f"{contract.embedding_dim} numbers",
        "threshold": "not measured: mfn evaluate ... store_threshold=1e-3 does",
    }
    if contract.threshold is not None:
        far = contract.threshold_far
        rate = "for an unknown false match rate" if far is None else f"at a false match rate of {far:g}"
        found["threshold"] = f"{contract.threshold:.4f}, {rate}, flip={contract.threshold_flip or 'not known'}"
    if (scores := contract.measured) is not None:
        found["scores behind it"] = (
            f"{scores.source}: {scores.impostors:,} comparisons of two people, {scores.genuine:,} of one; rates below "
            f"{scores.least_fmr:.2g} are a straight line drawn on"
        )
    return found


def model_card(model: Mapping[str, Any], contract: InputContract, facts: Mapping[str, str], numbers: int) -> str:
    """The card of a folder with safetensors.

    Args:
        model: ``_target_`` and arguments of the backbone.
        contract: What it expects, and its threshold where one was measured.
        facts: What else is known, as recipe and accuracy.
        numbers: In its weights.
    """
    network = network_facts(model)
    return render_card(
        Card(
            name=str(network["network"]),
            network=network | {"numbers": f"{numbers:,}"},
            contract=contract,
            usage=usage("FOLDER", contract),
            training=facts,
            not_measured=["Nothing was measured for this card: mfn card writes one with the results of mfn evaluate."],
        )
    )


def network_facts(model: Mapping[str, Any]) -> dict[str, object]:
    """Name and arguments of a backbone."""
    arguments = ", ".join(f"{key}={value}" for key, value in model.items() if key != "_target_") or "no arguments"
    return {"network": str(model.get("_target_", "")).rpartition(".")[2] or "network", "arguments": arguments}


def usage(place: str, contract: InputContract | None, stated: Mapping[str, object] | None = None) -> str:
    """Python code that loads a network and embeds with it; `stated` is what its file does not say."""
    if contract is None:
        call, shape = f"{printable(place)!r}, stated)  # color, mean, std, height, width: find them out", "crops"
    else:
        call = f"{printable(place)!r}{f', {dict(stated)!r}' if stated else ''})"
        shape = f"(N, {contract.height}, {contract.width}, 3) -> float32 (N, {contract.embedding_dim})"
    return (
        f"import mfn\n\nembedder = mfn.FaceEmbedder.load({call}\n"
        f"embeddings = embedder(images)  # uint8 RGB {shape}, unit length\n"
    )


def _metadata(card: Card) -> dict[str, Any]:
    name = printable(card.name)
    found: dict[str, Any] = {
        "library_name": card.library,
        "pipeline_tag": "image-feature-extraction",
        **_licence(card.licence),
        "tags": ["face-verification", "face-recognition", "mfn"],
    }
    if not card.scores:
        return found
    sets: dict[str, list[Score]] = {}
    for score in card.scores:
        sets.setdefault(score.dataset, []).append(score)
    results = [
        {
            "task": {"type": "face-verification", "name": "Face verification"},
            "dataset": {"type": slug(dataset), "name": printable(dataset)},
            "metrics": [{"type": each.metric, "value": round(each.value, 6)} for each in scores],
        }
        for dataset, scores in sets.items()
    ]
    found["metrics"] = list(dict.fromkeys(score.metric for score in card.scores))
    return found | {"model-index": [{"name": name, "results": results}]}


def _licence(text: str) -> dict[str, str]:
    word = text.strip().casefold()
    if word in _LICENCES:
        return {"license": word}
    return {"license": "unknown"} if word in ("", NOT_STATED) else {"license": "other", "license_name": slug(text)}


def slug(text: str) -> str:
    """A name of letters, numbers, dots and dashes."""
    return re.sub(r"[^a-z0-9.]+", "-", text.casefold()).strip("-.")[:96] or "unnamed"
