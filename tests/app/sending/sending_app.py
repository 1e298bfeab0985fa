"""For tests under a real gunicorn: what `sending` answers for the files beside the site's YAML."""

import os
from pathlib import Path

from flask import Flask, request

from app import sending
from app.sending import bodies

app = Flask(__name__)
folder = Path(os.environ["SKERRY_CONFIG"]).parent
bodies.STALLED = float(os.environ.get("STALLED", bodies.STALLED))


@app.get("/-/health")
def health():
    return "up"


@app.get("/<path:name>")
def one_file(name):
    return sending.send_file(request, folder / name)
