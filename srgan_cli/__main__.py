"""The error boundary: every mistake becomes one line, a hint and an honest exit code."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from srgan_cli.errors import SrganError

INTERRUPTED = 130


def main() -> None:
    """Run the command line.

    Exit codes: 0 all well, 1 something failed, 2 wrong usage, 130 interrupted, 143 terminated.
    """
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _run() -> None:
    import warnings

    from srgan_cli.cli import app
    from srgan_cli.errors import SrganError

    warnings.simplefilter("ignore")  # what libraries tell programmers
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no reason to stop
    try:
        app(prog_name="srgan")
    except Exception as error:  # the last line of defence: a user never meets a traceback unasked
        if "--debug" in sys.argv:
            import traceback

            traceback.print_exc()
        known = error if isinstance(error, SrganError) else _translate(error)
        _complain(known.message, known.hint)
        sys.exit(known.exit_code)


def _translate(error: Exception) -> "SrganError":
    """What went wrong outside our own checks, in plain words."""
    from srgan_cli.errors import SrganError

    if isinstance(error, MemoryError) or "out of memory" in str(error).lower() or "DefaultCPUAllocator" in str(error):
        return SrganError("out of memory", "try a smaller --tile, --scale, --batch or --patch")
    if isinstance(error, OSError) and error.strerror:
        place = f": {error.filename}" if error.filename else ""
        return SrganError(f"{error.strerror}{place}", "check the place that is read or written")
    first_line = (str(error).splitlines() or [""])[0]
    return SrganError(f"{type(error).__name__}: {first_line}", "this is a fault in srgan; --debug shows where")


def _complain(message: str, hint: str) -> None:
    lines = [f"srgan: {' '.join(message.split())}", *([f"  hint: {hint}"] if hint else [])]
    sys.stderr.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
