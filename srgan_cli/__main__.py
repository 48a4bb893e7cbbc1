"""The error boundary: every mistake becomes one line, a hint and an honest exit code."""

import sys


def main() -> None:
    """Run the command line.

    Exit codes: 0 all well, 1 something failed, 2 wrong usage, 130 interrupted.
    """
    from srgan_cli.cli import app
    from srgan_cli.errors import SrganError

    debug = "--debug" in sys.argv
    try:
        app(prog_name="srgan")
    except SrganError as error:
        if debug:
            raise
        _complain(error.message, error.hint)
        sys.exit(error.exit_code)
    except Exception as error:  # the last line of defence: a user never meets a traceback unasked
        if debug:
            raise
        first_line = (str(error).splitlines() or [""])[0]
        _complain(f"{type(error).__name__}: {first_line}", "this is a fault in srgan; --debug shows where")
        sys.exit(1)


def _complain(message: str, hint: str) -> None:
    lines = [f"srgan: {' '.join(message.split())}", *([f"  hint: {hint}"] if hint else [])]
    sys.stderr.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
