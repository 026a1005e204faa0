"""How Sphinx makes a site of these pages: `make docs`."""

project = "Rollkeeper"
html_title = "Rollkeeper"
extensions = ["myst_parser"]
exclude_patterns = ["conf.py"]
html_theme = "furo"
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False

# The pages read well where they lie, too: their anchors are those that GitHub makes of headings.
myst_heading_anchors = 4
