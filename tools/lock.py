"""Write requirements.lock: the exact versions that pip chooses for the project with all its extras today."""

import json
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).parent.parent / "requirements.lock"
HEADER = "# Written by `make lock`. The versions that `make setup` installs and the tests have seen.\n"
# --dry-run resolves against nothing installed, so what was once added to .venv by hand stays out of the lock.
RESOLVE = ["install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-", "--editable", ".[dev]"]


def chosen() -> dict[str, str]:
    """Ask pip for the packages it would install, the project itself excluded: name -> version."""
    report = subprocess.run(
        [sys.executable, "-m", "pip", *RESOLVE], cwd=LOCK.parent, check=True, stdout=subprocess.PIPE
    ).stdout
    packages = [entry["metadata"] for entry in json.loads(report)["install"] if not entry["is_direct"]]
    return {package["name"]: package["version"] for package in packages}


if __name__ == "__main__":
    lines = [f"{name}=={version}\n" for name, version in sorted(chosen().items(), key=lambda item: item[0].lower())]
    LOCK.write_text(HEADER + "".join(lines))
    print(f"{LOCK.name}: {len(lines)} packages")
