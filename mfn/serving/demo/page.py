"""The page itself."""

from collections.abc import Callable
from pathlib import Path

import gradio as gr
from gradio.components import Component
from gradio.themes import Base, Soft
from markupsafe import Markup

from mfn.images.files import IMAGE_SUFFIXES
from mfn.serving.demo.answers import MOST_PHOTOS, Demo

_KEPT = 600
"""Seconds after which a photo that was sent is removed, while the server runs."""
_STYLE = Path(__file__).parents[1] / "pages" / "demo.css"
_SEVERAL = [("the largest", "largest"), ("the most central", "central")]


def theme() -> Base:
    """Looks, in fonts that every system has."""
    plain = ["system-ui", "-apple-system", "Segoe UI", "sans-serif"]
    soft = Soft(primary_hue="blue", font=plain, font_mono=["ui-monospace", "monospace"])
    return soft.set(button_primary_background_fill="*primary_600", button_primary_background_fill_hover="*primary_700")


def style() -> str:
    """The page's own style sheet."""
    return _STYLE.read_text(encoding="utf-8")


def make_page(demo: Demo, about: Markup) -> gr.Blocks:
    """The page.

    Args:
        demo: Answers.
        about: What there is to say of the network.
    """
    with gr.Blocks(title="mfn", analytics_enabled=False, delete_cache=(60, _KEPT), fill_width=False) as page:
        gr.HTML('<h1 class="mfn-title">mfn</h1><p class="mfn-lead">Photos stay on this machine and are not kept.</p>')
        with gr.Tab("Compare"):
            _compare(demo)
        with gr.Tab("Find"):
            _find(demo)
        with gr.Tab("Group"):
            _group(demo)
        with gr.Tab("Model"):
            gr.HTML(about, elem_id="mfn-model")
    page.queue(max_size=32, default_concurrency_limit=1)
    return page


def _compare(demo: Demo) -> None:
    with gr.Row():
        files = [_photo(demo, f"{which} photo", which.lower()) for which in ("First", "Second")]
    several = gr.Radio(_SEVERAL, value="largest", label="Of several faces, compare", elem_id="mfn-several")
    answer = _answer("Compare", "mfn-compare")
    answer(demo.compare, [*files, several])


def _find(demo: Demo) -> None:
    if demo.gallery is None:
        gr.HTML('<p class="mfn-small">Start with <code>--gallery FILE</code> to find people on photos.</p>')
        return
    photo = _photo(demo, "Photo", "find")
    _answer("Find", "mfn-find")(demo.find, [photo])


def _group(demo: Demo) -> None:
    photos = gr.File(
        file_count="multiple",
        file_types=list(IMAGE_SUFFIXES),
        label=f"Up to {MOST_PHOTOS} photos",
        height=160,
        elem_id="mfn-photos",
    )
    _answer("Group by person", "mfn-group")(demo.group, [photos])


def _photo(demo: Demo, label: str, name: str) -> gr.File:
    """A place for a photo, and what it looks like: browsers do not show every format that mfn reads."""
    with gr.Column(min_width=240):
        file = gr.File(file_types=list(IMAGE_SUFFIXES), label=label, height=140, elem_id=f"mfn-{name}-file")
        shown = gr.HTML(elem_id=f"mfn-{name}-photo", elem_classes="mfn-preview")
    file.change(lambda path: str(demo.preview(path)), file, shown, show_progress="hidden", api_visibility="private")
    return file


def _answer(label: str, name: str) -> Callable[[Callable[..., Markup], list[Component]], None]:
    """A button, and a place for the answer."""
    button = gr.Button(label, variant="primary", elem_id=f"{name}-button")
    place = gr.HTML(elem_id=f"{name}-answer", min_height=40)

    def connected(function: Callable[..., Markup], inputs: list[Component]) -> None:
        button.click(
            lambda *given: str(function(*given)), inputs, place, scroll_to_output=True, api_visibility="private"
        )

    return connected
