"""The command `emergelaw`: one module per command, and one place where errors become exit codes."""

import sys
from typing import Annotated

import typer

from emergelaw import __version__
from emergelaw.cli import data, fit, import_, order, prior, simulate
from emergelaw.errors import InputError

app = typer.Typer(
    help="When does a language model acquire a capability? Bayesian laws of emergence from evaluation counts.",
    epilog="Exit codes: 0 done or converged; 2 bad input; 3 not converged (results are written and marked).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("import")(import_.command)
app.add_typer(data.app, name="data")
app.command("fit")(fit.command)
app.command("order")(order.command)
app.command("prior")(prior.command)
app.command("simulate")(simulate.command)


@app.callback(invoke_without_command=True)
def options(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        print(f"emergelaw {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; bad input is one sentence and exit code 2, never a traceback."""
    try:
        app()
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except SystemExit as stop:
        if stop.code == 130:  # how typer ends after Ctrl-C
            print("interrupted", file=sys.stderr)
        raise
