"""What there is to say of a network, as a part of the page."""

from collections.abc import Mapping

import numpy as np
from markupsafe import Markup

from mfn.contract import InputContract, MeasuredScores
from mfn.recognition.thresholds import Threshold
from mfn.serving.demo.scores import score_histogram

_RATES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


def model_html(facts: Mapping[str, str], contract: InputContract, flip: str, threshold: Threshold) -> Markup:
    """Facts, the contract, the threshold and what was measured.

    Args:
        facts: Name, size and whatever else, by what it is called.
        contract: Of the network.
        flip: What is done with the mirrored crop's embedding.
        threshold: Of two photos.
    """
    known = {
        **facts,
        "input": f"{contract.width}x{contract.height} pixels, {contract.color}",
        "mean": ", ".join(f"{value:g}" for value in contract.mean),
        "standard deviation": ", ".join(f"{value:g}" for value in contract.std),
        "embedding": f"{contract.embedding_dim} numbers",
        "mirrored crop": flip,
        "threshold": threshold.sentence().removeprefix("threshold "),
    }
    rows = Markup("").join(Markup("<tr><th>{}</th><td>{}</td></tr>").format(*row) for row in known.items())
    facts_table = Markup('<table class="mfn-facts">{}</table>').format(rows)
    measured = contract.measured
    if measured is None:
        return facts_table + Markup('<p class="mfn-small">Nobody measured how its scores fall.</p>')
    return facts_table + score_histogram(measured, threshold.cosine) + _rates(measured)


def _rates(measured: MeasuredScores) -> Markup:
    rows = Markup("")
    for rate in _RATES:
        doubt = "" if rate >= measured.least_fmr else " (beyond what was measured)"
        cosine = measured.threshold_at(rate)
        rows += Markup("<tr><td>{}</td><td>{}{}</td><td>{}</td></tr>").format(
            f"{rate:.0e}", f"{cosine:.3f}", doubt, f"{_missed(measured, cosine):.1%}"
        )
    head = Markup("<tr><th>false match rate</th><th>threshold</th><th>of one person missed</th></tr>")
    comparisons = f"{measured.impostors:,} comparisons of two people and {measured.genuine:,} of one"
    return Markup('<table class="mfn-facts">{}{}</table><p class="mfn-small">{} on {}, mirrored crop: {}.</p>').format(
        head, rows, comparisons, measured.source, measured.flip
    )


def _missed(measured: MeasuredScores, cosine: float) -> float:
    """The share of one person's comparisons below a cosine, as far as its curve tells."""
    shares, cosines = zip(*reversed(measured.fnmr), strict=True)
    return float(np.interp(cosine, cosines, shares, left=0.0))
