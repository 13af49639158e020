"""`trio-wa key new`: a key for a caller."""

import hashlib
import secrets

import click

from trio_wa.config.api_keys import SCOPES, ApiKey, Scope, parse_api_keys

PREFIX = "twa_"
"""By which a key that leaked is recognised."""


@click.group
def key() -> None:
    """Make API keys for callers."""


@key.command
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    help="What it may do, may be repeated; send and read by default. admin includes both.",
)
@click.option(
    "--session",
    "sessions",
    multiple=True,
    help="The only sessions that it may send over, may be repeated; any by default.",
)
def new(name: str, scopes: tuple[Scope, ...], sessions: tuple[str, ...]) -> None:
    """Make a key for the caller NAME.

    The key is shown this once: trio-wa is given its SHA-256 alone, from which nobody gets it back.
    """
    secret = PREFIX + secrets.token_urlsafe(32)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    chosen = tuple(scope for scope in SCOPES if scope in (scopes or ("send", "read")))
    made = ApiKey(name, digest, chosen, tuple(sorted(set(sessions))))
    if not _reads_back(made):
        raise click.UsageError(
            "NAME is made of letters, digits, '.', '_' and '-', 64 at most, and the name of a"
            " session holds no comma and no plus"
        )
    click.echo(f"The key of {name}, shown this once. It goes into X-Api-Key, or as a Bearer token:")
    click.echo(f"\n    {secret}\n")
    click.echo("Set this in .env, with a comma between several; API_KEYS_FILE takes what follows")
    click.echo("the = sign, one on a line:")
    click.echo(f"\n    API_KEYS={made}\n")


def _reads_back(made: ApiKey) -> bool:
    try:
        return parse_api_keys(str(made)) == (made,)
    except ValueError:
        return False
