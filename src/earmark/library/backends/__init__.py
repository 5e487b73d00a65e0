"""Where libraries are kept: each back-end does what `earmark.library.Library` says.

Nothing outside of this package knows a database.
"""
