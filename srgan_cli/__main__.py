"""The error boundary: every mistake becomes one line, a hint and an honest exit code."""

import atexit
import os
import signal
import sys

INTERRUPTED = 130


def run() -> None:
    """main, and the end of the process, at which nothing is taken apart that has been loaded: torch is large."""
    codes: list[int] = []
    atexit.register(_exit_fast, codes)  # what is registered first is called last
    try:
        main()
        codes.append(0)
    except SystemExit as ended:
        if isinstance(ended.code, int | None):
            codes.append(ended.code or 0)
        raise


def _exit_fast(codes: list[int]) -> None:
    """End the process with this code; without one, or where what is printed cannot be written, Python goes on."""
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):  # None where it was closed before
            stream.flush()
    except (OSError, ValueError):  # it is closed
        return
    if codes:
        os._exit(codes[0])


def main() -> None:
    """Run the command line.

    Exit codes: 0 all well, 1 something failed, 2 wrong usage, 129 hung up, 130 interrupted, 141 output closed, 143
    terminated.
    """
    for ending in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, ending, None)
        if number and signal.getsignal(number) != signal.SIG_IGN:  # nohup has a say
            signal.signal(number, _raise_on_signal)
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _raise_on_signal(number: int, _frame: object) -> None:
    """As an exception, so that what is being written is taken away."""
    sys.exit(128 + number)


def _run() -> None:
    import warnings

    from srgan_cli.cli import app
    from srgan_cli.errors import OutputClosed, to_srgan_error

    warnings.simplefilter("ignore")  # what libraries tell programmers
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no reason to stop
    try:
        app(prog_name="srgan")
    except SystemExit as ended:
        if not isinstance(ended.__context__, BrokenPipeError):
            raise
        _print_error("", "")  # typer ends with 1 where nobody reads its help any more
        sys.exit(OutputClosed.exit_code)
    except Exception as error:  # the last line of defence: a user never meets a traceback unasked
        if "--debug" in sys.argv:
            import traceback

            traceback.print_exc()
        known = to_srgan_error(error)
        _print_error(known.message, known.hint)
        sys.exit(known.exit_code)


def _print_error(message: str, hint: str) -> None:
    if not message:  # standard output is closed: what is left for it would be one more error at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    lines = [f"srgan: {' '.join(message.split())}", *([f"  hint: {hint}"] if hint else [])]
    sys.stderr.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    run()
