"""One HTML file that shows what was dropped and why, with a few images for each reason."""

import base64
import io
from collections.abc import Callable, Mapping
from pathlib import Path

import jinja2
import numpy as np

from mfn.files.atomic import replacing
from mfn.prepare.clean import DUPLICATE, SHARED
from mfn.prepare.manifest import Manifest
from mfn.report.contact_sheet import thumbnail

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ title }}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .2rem 1rem .2rem 0; text-align: left }
td + td, th + th { text-align: right } h2 { margin-top: 2.5rem }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, 132px); gap: 12px }
figure { margin: 0 } .field { width: 132px; height: 132px; background: #eee; display: flex; align-items: center;
justify-content: center; color: #888 } figcaption { font-size: 11px; line-height: 1.35; overflow-wrap: anywhere }
</style>
<h1>{{ title }}</h1>
<p>{{ kept }} of {{ total }} images were kept. Of those dropped, up to {{ most }} for each reason are shown.</p>
<table><tr><th>reason</th><th>images</th></tr>
{%- for group in groups %}
<tr><td><a href="#r{{ loop.index }}">{{ group.reason }}</a></td><td>{{ group.count }}</td></tr>
{%- endfor %}</table>
{%- for group in groups %}
<h2 id="r{{ loop.index }}">{{ group.reason }}: {{ group.count }}</h2>
<div class="sheet">
{%- for image in group.images %}
<figure><div class="field">{% if image.jpeg %}<img alt="" src="data:image/jpeg;base64,{{ image.jpeg }}">
{%- else %}no image{% endif %}</div><figcaption>{{ image.name }}<br>{{ image.facts }}</figcaption></figure>
{%- endfor %}
</div>
{%- endfor %}
{%- if passed_over %}
<h2>Files that were passed over</h2>
<table><tr><th>reason</th><th>files</th></tr>
{%- for reason, count in passed_over.items() %}
<tr><td>{{ reason }}</td><td>{{ "{:,}".format(count) }}</td></tr>
{%- endfor %}</table>
<p>They never were images to the reader; the index names them.</p>
{%- endif %}
</html>
"""


def write_dropped_page(
    path: Path,
    manifest: Manifest,
    image: Callable[[int], np.ndarray | None],
    *,
    passed_over: Mapping[str, int] | None = None,
    most: int = 24,
    title: str = "Dropped",
) -> None:
    """Writes the page; a function of the manifest and the images alone.

    Args:
        path: HTML file; images are inside it.
        manifest: After the steps.
        image: Gives the pixels of row `i`, uint8 (H, W, 3) RGB, or None where there are none.
        passed_over: Files that never were rows, by reason.
        most: Images shown for each reason, spread evenly over the table. The copy that was kept is shown beside each
            duplicate, and images that lie under two identities beside one another.
        title: Heading.
    """
    originals = manifest.take(rows := np.flatnonzero(manifest.variant == ""))
    groups = []
    for reason, count in originals.reasons().items():
        dropped = _examples(originals, reason, most)
        images = [{**_caption(originals, row), "jpeg": _jpeg(image(int(rows[row])))} for row in dropped.tolist()]
        groups.append({"reason": reason, "count": f"{count:,}", "images": images})
    page = jinja2.Environment(autoescape=True).from_string(_PAGE)
    kept, total = (f"{number:,}" for number in (originals.kept().sum(), len(originals)))
    text = page.render(title=title, kept=kept, total=total, most=most, groups=groups, passed_over=passed_over)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def _examples(manifest: Manifest, reason: str, most: int) -> np.ndarray:
    rows = np.flatnonzero(manifest.reason == reason)
    if reason == SHARED:
        return rows[np.argsort(manifest.hash[rows], kind="stable")][:most]
    shown = min(most // 2 if reason == DUPLICATE else most, rows.size)
    rows = rows[np.linspace(0, rows.size - 1, shown).round().astype(int)]
    if reason == DUPLICATE:
        return np.stack([rows, [_kept_copy(manifest, row) for row in rows]], axis=1).ravel()
    return rows


def _kept_copy(manifest: Manifest, row: int) -> int:
    """The kept image of the same identity that is most like the one at `row`."""
    kept = np.flatnonzero(manifest.kept() & (manifest.identity == manifest.identity[row]))
    return int(kept[np.bitwise_count(manifest.hash[kept] ^ manifest.hash[row]).argmin()]) if kept.size else row


def _caption(manifest: Manifest, row: int) -> dict[str, str]:
    facts = [str(manifest.detail[row]), "kept" if manifest.kept()[row] else "", str(manifest.identity[row])]
    if manifest.height[row]:
        facts.append(f"{manifest.width[row]}x{manifest.height[row]}")
    if np.isfinite(manifest.box[row]).all():
        facts.append(f"face {manifest.box[row, 2:].min():.0f} px")
    if np.isfinite(manifest.score[row]):
        facts.append(f"score {manifest.score[row]:.2f}")
    if np.isfinite(manifest.blur[row]):
        facts.append(f"sharpness {manifest.blur[row]:.0f}")
    if np.isfinite(manifest.quality[row]):
        facts.append(f"quality {manifest.quality[row]:.4g}")
    return {"name": str(manifest.name[row]), "facts": ", ".join(filter(None, facts))}


def _jpeg(pixels: np.ndarray | None) -> str:
    if pixels is None:
        return ""
    file = io.BytesIO()
    thumbnail(pixels, 132).save(file, "JPEG", quality=85)
    return base64.b64encode(file.getvalue()).decode()
