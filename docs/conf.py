"""How the documentation becomes a site: ``make docs`` writes it into ``build/docs``, offline."""

from earmark import __version__

project = "Earmark"
author = "The Earmark developers"
project_copyright = author
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["images"]

# Pages are Markdown as forges read it, too: headings are linked to by the names that those give.
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
# Two classes have attributes of one name; a text that says only the name leads to neither.
suppress_warnings = ["ref.python"]

# The names of a module's __all__, in its order, with the types that stand in the code.
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_attr_annotations = False
default_role = "literal"

html_theme = "furo"
html_title = f"Earmark {release}"
html_show_sphinx = False
html_copy_source = False
html_last_updated_fmt = None
# Code is copied without the prompt and without what was printed.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


# Pages that stand outside of this folder, where a forge looks for them, and what shows them here.
_ELSEWHERE = {"../CHANGELOG.md": "changes.md", "../benchmarks/README.md": "measurements.md"}


def _lead_to_the_site(app, name, source):
    """Let links to pages outside of the folder lead to the pages of the site that hold them."""
    for outside, inside in _ELSEWHERE.items():
        source[0] = source[0].replace(f"]({outside}", f"]({inside}")


def setup(app):
    """Connect what is done to each page before it is read."""
    app.connect("source-read", _lead_to_the_site)
