"""`openusage completion`."""

from __future__ import annotations

import click

from openusage.cli.__main__ import COMPLETE_VAR


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print a script that completes commands in your shell.

    \b
    bash:  openusage completion bash > ~/.local/share/bash-completion/completions/openusage
    zsh:   openusage completion zsh > ~/.zfunc/_openusage   (with ~/.zfunc in fpath)
    fish:  openusage completion fish > ~/.config/fish/completions/openusage.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click knows no completion for {shell}", ctx)
    click.echo(kind(ctx.find_root().command, {}, "openusage", COMPLETE_VAR).source())
