"""`flask secret rotate`: a new secret signs cookies and tokens from now on."""

import click
from flask.cli import with_appcontext

from app import signing
from app.cli.site import running


@click.group()
def secret() -> None:
    """Change the secret that signs cookies and tokens."""


@secret.command()
@click.option("--keep", type=click.IntRange(0), default=2, show_default=True, help="How many older ones still verify.")
@with_appcontext
def rotate(keep: int) -> None:
    """Make a new secret in var/cookie_secret. Running servers follow within a second; older ones verify still."""
    site = running().application.site
    secrets = signing.Secrets(site.app.settings.cookie_secret, site.config.folder / "var" / signing.FILE)
    try:
        count = secrets.rotate(keep)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"a new secret signs; {count - 1} older {'one verifies' if count == 2 else 'ones verify'}")
