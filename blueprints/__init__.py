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
}
"""Handler name in YAML -> module."""
