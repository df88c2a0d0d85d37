"""Sphinx's settings: `make docs` builds the site, and every warning is an error."""

import re
import sys
from pathlib import Path

import ogive

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tools"))

import mathml_renderer  # noqa: E402
import site_pages  # noqa: E402
from ogive.report import explorer  # noqa: E402

project = "Ogive"
author = "The Ogive developers"
copyright = author
version = release = ogive.__version__
root_doc = "index"
language = "en"

extensions = [
    "sphinx.ext.autodoc",
    "numpydoc",
    "myst_nb",
    "sphinx_design",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["gallery", "pictures/*.ipynb", "jupyter_execute"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "auto"
nb_execution_raise_on_error = True
nb_execution_timeout = 120

toc_object_entries_show_parents = "all"
autodoc_typehints = "none"  # numpydoc's sections name the types
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": ["gallery"],
    "gallery_dirs": ["pictures"],
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "abort_on_example_error": True,
    "reset_modules": ("matplotlib",),
    "image_srcset": ["2x"],
}

html_theme = "pydata_sphinx_theme"
html_title = "Ogive"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_sidebars = {"index": [], "tutorial": [], "explorer": []}  # no pages below them
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_align": "left",
    "navbar_end": ["languages", "theme-switcher"],
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
templates_path = ["_templates"]


def write_pages(app):
    """Everything that is made from cards and measurements, before Sphinx looks for pages."""
    site_pages.write(HERE)


def write_explorer(app, exception):
    """The curve explorer is a page of its own, without the theme."""
    if exception is None and app.builder.name == "html":
        explorer.write(Path(app.outdir) / "curves.html")


def keep_signs(app, what, name, obj, options, lines):
    """In docstrings |x| is an absolute value and f(*x) a call, not markup."""
    for at, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            words = line.split("``")
            words[::2] = (re.sub(r"\||(?<=\()\*", r"\\\g<0>", part) for part in words[::2])
            lines[at] = "``".join(words)


def name_language(app, pagename, templatename, context, doctree):
    """The Chinese pages say so to browsers and screen readers."""
    if pagename.startswith("zh/"):
        context["language"] = "zh-CN"


def setup(app):
    mathml_renderer.setup(app)
    app.connect("builder-inited", write_pages)
    app.connect("build-finished", write_explorer)
    app.connect("html-page-context", name_language)
    app.connect("autodoc-process-docstring", keep_signs)
