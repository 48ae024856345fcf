"""The page as a server of its own."""

import logging

import gradio as gr
from fastapi import FastAPI
from starlette.types import ASGIApp

from mfn.serving.demo.door import Door
from mfn.serving.demo.page import style, theme

LAST_ANSWERS = 3
"""Seconds to the end: a browser keeps a connection open as long as it shows the page."""


def hosted(page: gr.Blocks, *, is_local: bool, password: str | None, most_bytes: int) -> ASGIApp:
    """The page behind its door.

    Args:
        page: See `mfn.serving.demo.page.make_page`.
        is_local: Only this machine asks.
        password: That a browser must know; None asks for none.
        most_bytes: Of a photo.
    """
    logging.getLogger("httpx").setLevel(logging.WARNING)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        footer_links=[],
        run_history=False,  # which browsers would keep photos in
        show_error=False,
        max_file_size=most_bytes,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=theme(),
        css=style(),
    )
    return Door.before(app, is_local=is_local, password=password)
