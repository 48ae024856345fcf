"""Parts to a page: a folder of files, or one file with everything in it, under a policy that lets nothing out."""

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

SITE = Path(__file__).parent / "site"
SCRIPTS = ("assets.js", "picture.js", "align.js", "detector.js", "embed.js", "decide.js", "compare.js", "page.js")
"""In an order in which each needs only those before it."""
NETWORK, PAGE = "network.onnx", "index.html"
ASSETS = {"network": NETWORK, "detector": "detector.onnx", "ort": "ort/ort.js", "wasm": "ort/ort.wasm"}
"""Where the page looks for what, from its own folder; by names that every server knows the type of."""
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./[a-z]+\.js";\n', re.MULTILINE)


def page_files(settings: Mapping[str, Any], assets: Mapping[str, bytes], single_file: bool) -> dict[str, bytes]:
    """Every file of a page.

    Args:
        settings: What the scripts are told, plain values.
        assets: By the keys of `ASSETS`; ``detector`` may be missing.
        single_file: Put everything into ``index.html``, beside which the network alone lies too.

    Returns:
        Contents by path in the folder.
    """
    told = {**settings, "assets": {name: ASSETS[name] for name in assets}}
    files = {PAGE: _page(told, assets if single_file else None), NETWORK: assets["network"]}
    if not single_file:
        files |= {ASSETS[name]: content for name, content in assets.items()}
        files |= {name: (SITE / name).read_bytes() for name in (*SCRIPTS, "style.css")}
    detector = "  YuNet, the face detector     Copyright (c) 2020 Shiqi Yu\n" if "detector" in assets else ""
    files["LICENSES.txt"] = _filled("LICENSES.txt", runtime=settings["runtime"], detector=detector)
    files["README.txt"] = _filled("README.txt", how=_how(single_file), contents=_contents(files))
    return files


def _page(settings: Mapping[str, Any], inside: Mapping[str, bytes] | None) -> bytes:
    # No text in JSON can end the element that holds it
    told = json.dumps(settings).replace("<", "\\u003c")
    if inside is None:
        style = '<link rel="stylesheet" href="style.css">'
        scripts = f'<script type="module" src="{SCRIPTS[-1]}"></script>'
        policy = _policy("'self'", "'self'", "'self'")
    else:
        css, code = (SITE / "style.css").read_text(encoding="utf-8"), joined_scripts()
        style, module = f"<style>{css}</style>", f'<script type="module">{code}</script>'
        scripts = "\n".join([*(_packed(name, content) for name, content in inside.items()), module])
        policy = _policy(f"{_hash(code)} blob:", _hash(css), "'none'")
    return _filled(PAGE, policy=policy, style=style, settings=told, scripts=scripts)


def joined_scripts() -> str:
    """All scripts as one module: what they import of one another is there already."""
    parts = [_IMPORT.sub("", (SITE / name).read_text(encoding="utf-8")) for name in SCRIPTS]
    return re.sub(r"^export ", "", "\n".join(parts), flags=re.MULTILINE)


def _policy(scripts: str, styles: str, connections: str) -> str:
    return (
        f"default-src 'none'; script-src {scripts} 'wasm-unsafe-eval'; style-src {styles}; img-src data:; "
        f"connect-src {connections}; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _packed(name: str, content: bytes) -> str:
    """A file as text in an element that nothing runs; the same bytes each time."""
    text = base64.b64encode(gzip.compress(content, mtime=0)).decode()
    return f'<script type="text/plain" id="asset-{name}">{text}</script>'


def _filled(name: str, **values: str) -> bytes:
    return Template((SITE / name).read_text(encoding="utf-8")).substitute(values).encode()


def _how(single_file: bool) -> str:
    if single_file:
        return "Open index.html: it holds everything and needs no server."
    return (
        "Browsers load it from a server only, not from a file. On your own machine, in this folder:\n\n"
        "  python -m http.server --bind 127.0.0.1 8000\n\nand open http://127.0.0.1:8000"
    )


def _contents(files: Mapping[str, bytes]) -> str:
    told = {NETWORK: "the network; mfn evaluate takes it too", ASSETS["detector"]: "the face detector"}
    if ASSETS["ort"] in files:
        told |= {"ort/": "ONNX Runtime, which runs both", "*.js, style.css": "what the page does, and how it looks"}
    here = {name: what for name, what in told.items() if name in files or not name.endswith(".onnx")}
    return "\n".join(f"  {name:<15} {what}" for name, what in here.items())
