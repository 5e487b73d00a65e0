"""The web application and the HTTP API.

``create_app`` makes the WSGI application; ``Config`` says how it is set up. ``earmark serve`` runs
it on waitress, and any other WSGI server may run it too (one process, many threads).
"""

from earmark.web.app import create_app
from earmark.web.config import Config

__all__ = ["Config", "create_app"]
