"""What may stand between a request and any feature. A guard that is not configured is not attached and costs nothing.

The order is that of the checks on the way in; on the way out they run the other way round:

1. `log`         says how this mount's requests are written down, whatever becomes of them
2. `cors`        answers preflights before anything asks who is calling, as browsers send no credentials with them
3. `xsrf_cookies`, `set_xsrf`  before anything counts or answers what another site's page has sent
4. `ratelimit`   counts before sign-in is checked, so that guessing is limited too
5. `auth`        who may do it
6. `validate`    sees only requests that may pass
7. `error`       gives every answer from here on its page
8. `headers`     on the way out: on cached answers and redirects too
9. `redirect`    turns the success of what follows into a redirect
10. `cache`      last: only what everyone above let through is answered from the cache or kept in it
"""

from types import ModuleType

from flask import Blueprint

from app.guards import auth, cache, cors, errors, headers, log, ratelimit, redirect, set_xsrf, validate, xsrf
from app.mounts import Mount

GUARDS: dict[str, ModuleType] = {
    "log": log,
    "cors": cors,
    "xsrf_cookies": xsrf,
    "set_xsrf": set_xsrf,
    "ratelimit": ratelimit,
    "auth": auth,
    "validate": validate,
    "error": errors,
    "headers": headers,
    "redirect": redirect,
    "cache": cache,
}
"""The YAML's keys for guards in their order."""

ON_UNLESS_FALSE = ("xsrf_cookies",)
"""Guards that every mount has which does not refuse them."""


def attach(bp: Blueprint, mount: Mount) -> None:
    """Attach the mount's configured guards to its blueprint, in order."""
    for key, guard in GUARDS.items():
        if key in mount.guards:
            guard.attach(bp, mount.guards[key], mount)
