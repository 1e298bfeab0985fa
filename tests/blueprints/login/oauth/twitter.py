"""A stand-in for Twitter: OAuth 1.0a, with every signature verified by the rules of RFC 5849 §3.4."""

import base64
import hmac
import secrets
import threading
from urllib.parse import quote, unquote, urlencode
from urllib.request import parse_http_list, parse_keqv_list

from flask import Flask, abort, redirect, request
from werkzeug.serving import make_server

KEY, SECRET = "consumer", "s&cret/+"


class Twitter:
    """The consumer `KEY` may sign people in; `user` is who signs in, and `confirmed` what is said of a callback."""

    def __init__(self):
        app = Flask(__name__)
        for path, view in (("request_token", self._announce), ("access_token", self._grant)):
            app.add_url_rule(f"/{path}", path, view, methods=["POST"])
        app.add_url_rule("/authenticate", "authenticate", self._authenticate)
        app.add_url_rule("/user", "user", self._tell)
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.port}"
        self.user, self.confirmed, self.agrees = {"id_str": "7", "screen_name": "ana", "name": "Ana"}, "true", True
        self._secrets, self._callbacks, self._verifiers, self._nonces = {}, {}, {}, set()

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def _verified(self):
        """The OAuth parameters of a request that is signed as it should be, and was not sent before."""
        given = parse_keqv_list(parse_http_list(request.headers["Authorization"].removeprefix("OAuth ")))
        given = {name: unquote(value) for name, value in given.items()}
        signature = given.pop("oauth_signature")
        secret = self._secrets.get(given.get("oauth_token"), "")
        if given["oauth_consumer_key"] != KEY or given["oauth_nonce"] in self._nonces:
            abort(401)
        self._nonces.add(given["oauth_nonce"])
        pairs = [*given.items(), *request.args.items(), *request.form.items()]
        if not hmac.compare_digest(signature, signed(request.method, request.base_url, pairs, secret)):
            abort(401)
        return given

    def _token(self, **more):
        token = secrets.token_hex(8)
        self._secrets[token] = secrets.token_hex(8)
        return token, urlencode({"oauth_token": token, "oauth_token_secret": self._secrets[token], **more})

    def _announce(self):
        callback = self._verified()["oauth_callback"]
        token, answer = self._token(oauth_callback_confirmed=self.confirmed)
        self._callbacks[token] = callback
        return answer

    def _authenticate(self):
        token = request.args["oauth_token"]
        self._verifiers[token] = secrets.token_hex(4)
        agreed = {"oauth_token": token, "oauth_verifier": self._verifiers[token]}
        return redirect(f"{self._callbacks[token]}?{urlencode(agreed if self.agrees else {'denied': token})}")

    def _grant(self):
        given = self._verified()
        if given["oauth_verifier"] != self._verifiers.pop(given["oauth_token"], None):
            abort(401)
        return self._token(user_id="7", screen_name="ana")[1]

    def _tell(self):
        self._verified()
        return self.user


def signed(method, url, pairs, token_secret):
    """The HMAC-SHA1 signature of a request."""
    sorted_pairs = sorted((escaped(name), escaped(value)) for name, value in pairs)
    normal = "&".join(f"{name}={value}" for name, value in sorted_pairs)
    base = "&".join(map(escaped, (method, url, normal)))
    key = f"{escaped(SECRET)}&{escaped(token_secret)}"
    return base64.b64encode(hmac.digest(key.encode(), base.encode(), "sha1")).decode()


def escaped(text):
    return quote(text, safe="~")
