"""The features: what a `handler:` in the YAML may be.

Each module has `Settings`, a pydantic model, and `blueprint(mount)`. It is imported when a site uses it.
"""

FEATURES = {
    "FileHandler": "blueprints.files",
    "DirectoryHandler": "blueprints.files",
    "File": "blueprints.files",
    "FunctionHandler": "blueprints.functions",
    "Function": "blueprints.functions",
    "ProcessHandler": "blueprints.processes",
    "Command": "blueprints.processes",
    "SimpleAuth": "blueprints.login.simple",
    "DBAuth": "blueprints.login.database",
    "EmailAuth": "blueprints.login.emailed",
    "LogoutHandler": "blueprints.login.logout",
    "Logout": "blueprints.login.logout",
    "OAuth2": "blueprints.login.oauth",
    "GoogleAuth": "blueprints.login.oauth.google",
    "FacebookAuth": "blueprints.login.oauth.facebook",
    "TwitterAuth": "blueprints.login.oauth.twitter",
    "LDAPAuth": "blueprints.login.ldap",
    "FormHandler": "blueprints.forms",
    "Data": "blueprints.forms",
    "FilterHandler": "blueprints.forms.filters",
    "Filter": "blueprints.forms.filters",
    "module.Class": "blueprints.classes",
}
"""Handler name in YAML -> module."""
