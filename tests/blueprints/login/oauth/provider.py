"""A small provider that keeps to the protocols, until a test has it do otherwise."""

import hashlib
import hmac
import json
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from urllib.parse import urlencode

from flask import Flask, redirect, request
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

KEY = RSAKey.generate_key(2048, {"kid": "1"})


class Provider:
    """OAuth 2 and OpenID Connect for the client `site` with the secret `s&cret`.

    What it says is in `metadata`, `claims`, `told` and `answer`, which a test changes; `requests` are those that came.
    """

    def __init__(self):
        self.app = Flask(__name__)
        self.app.add_url_rule("/.well-known/openid-configuration", "metadata", self._metadata)
        self.app.add_url_rule("/keys", "keys", self._keys)
        self.app.add_url_rule("/authorize", "authorize", self._authorize)
        self.app.add_url_rule("/token", "token", self._token, methods=["POST"])
        self.app.add_url_rule("/user", "user", self._user, methods=["GET", "POST"])
        self.app.before_request(lambda: self.requests.append(Seen(request)))
        self._server = make_server("127.0.0.1", 0, self.app, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.port}"
        self.requests, self._codes = [], {}
        self.metadata, self.claims, self.answer, self.token = {}, {}, {}, {}
        self.told = {"sub": "7", "name": "Ana", "email": "ana@example.com", "email_verified": True, "id": 7}
        self.header = {"alg": "RS256", "kid": "1"}
        self.key = self.published = KEY

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def rotate(self, kid):
        """Sign with another key, and publish it."""
        self.key = self.published = RSAKey.generate_key(2048, {"kid": kid})
        self.header["kid"] = kid

    def asked(self, path):
        """The requests that came for a path."""
        return [seen for seen in self.requests if seen.path == path]

    def sign(self, claims):
        """The ID token with these claims."""
        return jwt.encode(self.header, claims, self.key)

    def _metadata(self):
        own = {"authorization_endpoint": "authorize", "token_endpoint": "token", "userinfo_endpoint": "user"}
        urls = {name: f"{self.url}/{path}" for name, path in {**own, "jwks_uri": "keys"}.items()}
        return {"issuer": self.url, **urls, **self.metadata}

    def _keys(self):
        return {"keys": [self.published.as_dict(private=False)]}

    def _authorize(self):
        code = secrets.token_hex(8)
        self._codes[code] = request.args
        answer = {"code": code, "state": request.args["state"], **self.answer}
        answer = {name: value for name, value in answer.items() if value is not None}
        return redirect(f"{request.args['redirect_uri']}?{urlencode(answer)}")

    def _token(self):
        if request.form["grant_type"] == "refresh_token":
            good = (request.form["refresh_token"], client_of(request)) == ("rt-1", ("site", "s&cret"))
            return {"access_token": "at-2", "token_type": "Bearer"} if good else ({"error": "invalid_grant"}, 400)
        begun = self._codes.pop(request.form["code"], None)
        challenge = encoded(hashlib.sha256(request.form.get("code_verifier", "").encode()).digest())
        if begun is None or begun["redirect_uri"] != request.form["redirect_uri"]:
            return {"error": "invalid_grant"}, 400
        if begun["code_challenge_method"] != "S256" or challenge != begun["code_challenge"]:
            return {"error": "invalid_grant"}, 400
        if client_of(request) != ("site", "s&cret"):
            return {"error": "invalid_client"}, 401
        return {"access_token": "at-1", "token_type": "Bearer", **self._id_token(begun), **self.token}

    def _id_token(self, begun):
        now = int(time.time())
        claims = {"iss": self.url, "sub": "7", "aud": "site", "iat": now, "exp": now + 60, "nonce": begun.get("nonce")}
        claims = {name: value for name, value in {**claims, **self.claims}.items() if value is not None}
        return {"id_token": self.sign(claims)} if "nonce" in begun else {}

    def _user(self):
        if request.headers.get("Authorization") != "Bearer at-1":
            return {"error": "invalid_token"}, 401
        return self.told


class Seen:
    """A request that came."""

    def __init__(self, request):
        self.path, self.args, self.headers = request.path, request.args, dict(request.headers)
        self.form = request.form.to_dict()


def client_of(request):
    """The client's id and secret, in the form or in the header."""
    if request.authorization:
        return request.authorization.username, request.authorization.password
    return request.form.get("client_id"), request.form.get("client_secret")


def signed_by_hand(header, claims, secret):
    """A token as an attacker would make it: with a secret that no library takes for one, or with no signature."""
    signed = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), 'sha256')) if secret else ''}"


def encoded(data):
    return urlsafe_b64encode(data).decode().rstrip("=")
