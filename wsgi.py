"""What `flask run` and `gunicorn wsgi:app` import."""

import sys

from werkzeug.serving import WSGIRequestHandler

from app import create_app
from app.mistakes import ConfigError
from blueprints import FEATURES

# `flask run` would print a line of its own beside the request log's.
WSGIRequestHandler.log_request = lambda *_: None  # type: ignore[method-assign]

try:
    app = create_app(FEATURES)
except ConfigError as error:
    print(f"{error}\nthe site is not started: mend the lines above", file=sys.stderr)
    # gunicorn takes 3 from a worker as the end; after any other code it would start the worker again, for ever.
    sys.exit(3 if "gunicorn" in sys.modules else 1)
