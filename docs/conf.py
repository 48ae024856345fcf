"""How the documentation is built: `sphinx-build -W docs docs/_build`."""

project = "mfn"
author = "the mfn authors"
extensions = [
    "myst_parser",
    "sphinx.ext.apidoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

apidoc_modules = [{"path": "../mfn", "destination": "api", "separate_modules": True, "module_first": True}]
autodoc_member_order = "bysource"
autodoc_mock_imports = ["fastapi", "gradio", "prometheus_client", "starlette", "uvicorn"]  # of extras
suppress_warnings = ["ref.python"]  # words of builtins' docstrings that several of our classes have as attributes
autodoc_typehints = "description"
autodoc_default_options = {"members": True, "show-inheritance": True, "ignore-module-all": True}
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "mfn"

rst_epilog = ".. _numpy.str: https://numpy.org/doc/stable/reference/arrays.scalars.html#numpy.str_"
"""The type ``numpy.str_`` looks like a link to reST."""
