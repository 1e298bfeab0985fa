"""Name and password of a form -> the user, as the directory knows it."""

from collections.abc import Mapping
from typing import Any, cast

from flask import request

from app import request_id
from app.handler import Handler
from app.mounts import Mount
from blueprints.login import views
from blueprints.login.flow import Args, Refused
from blueprints.login.ldap.directory import Directory, Failed, identity, tidied
from blueprints.login.ldap.settings import Settings

ERROR = "Auth-Error"


class LDAPView(views.PasswordView):
    """Asks a directory; made once for a mount."""

    def __init__(self, mount: Mount):
        super().__init__(mount)
        self.given = cast(Settings, mount.settings)
        self.user_arg, self.password_arg = self.given.field("user"), self.given.field("password")
        self.directory = Directory(self.given)

    def sign_in(self, handler: Handler, args: Args) -> Mapping[str, Any]:
        """See PasswordView; failures say in a header what failed, as the original's."""
        try:
            # Spelled in one way, the failures of a name are counted as those of one user.
            args[self.user_arg] = [tidied(name) for name in args.get(self.user_arg, ())]
            for field in sorted(self.given.fields):
                self.required(args, field)
            return super().sign_in(handler, args)
        except Refused as refusal:
            refusal.headers = {ERROR: "auth", **refusal.headers}
            raise

    def find(self, handler: Handler, name: str, password: str) -> Mapping[str, Any] | None:
        """See PasswordView. Raises Refused where the directory cannot tell."""
        values = {field: given[-1] for field, given in handler.args.items() if given and isinstance(given[-1], str)}
        try:
            entry = self.directory.entry(values)
            return {"user": name, **entry, "id": identity(entry, name, self.given.user_id)}
        except Failed as error:
            request.environ.setdefault(request_id.ERROR, f"LDAP: {error}")
            if error.step == "auth":
                return None
            raise Refused("The directory cannot be asked: please try later", headers={ERROR: error.step}) from error
