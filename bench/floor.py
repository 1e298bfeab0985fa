"""The floor: the least that Flask can do, under the same gunicorn. `FLOOR_FILE` names the file that `/file` sends."""

import os

from flask import Flask, Response, send_file

app = Flask(__name__)


@app.get("/hello")
def hello() -> str:
    """A view that does nothing."""
    return "hello"


@app.get("/file")
def file() -> Response:
    """Flask's way to send a file."""
    return send_file(os.environ["FLOOR_FILE"])
