"""The entry point.  Every error is printed as one line and a hint, and has an exit code."""

import atexit
import os
import signal
import sys
from functools import partial

INTERRUPTED = 130


def run() -> None:
    """Run main, then exit without interpreter teardown, which is slow with torch."""
    codes: list[int] = []
    atexit.register(_exit_fast, codes)  # registered first, so called last
    try:
        main()
        codes.append(0)
    except SystemExit as ended:
        if isinstance(ended.code, int | None):
            codes.append(ended.code or 0)
        raise


def _exit_fast(codes: list[int]) -> None:
    """End the process with this code.  Without one, or if output cannot be flushed after success, let Python exit."""
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except (OSError, ValueError):  # closed
        if not any(codes):
            return
    if codes:
        os._exit(codes[0])


def main() -> None:
    """Run the command line.

    Exit codes: 0 success, 1 failure, 2 invalid usage, 129 hung up, 130 interrupted, 141 output closed,
    143 terminated.
    """
    _open_closed_streams()
    for ending in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, ending, None)
        if number and signal.getsignal(number) != signal.SIG_IGN:  # ignored under nohup
            signal.signal(number, lambda number, _frame: sys.exit(128 + number))  # so that temporary files are removed
    interrupts: list[int] = []
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, partial(_interrupt, interrupts))
    try:
        _run(interrupts)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except SystemExit as ended:
        sys.exit(INTERRUPTED if interrupts and ended.code else ended.code)


def _interrupt(interrupts: list[int], number: int, _frame: object) -> None:
    """Raise KeyboardInterrupt, and keep the number: a library may turn the exception into another one."""
    interrupts.append(number)
    raise KeyboardInterrupt


def _open_closed_streams() -> None:
    """Open the null device for standard streams that are closed, whose numbers other files would get.

    To print on a closed standard output fails.
    """
    for name, mode, access in (("stdin", "r", os.O_RDONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY)):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.open(os.devnull, access), mode, encoding="utf8"))  # noqa: PTH123, SIM115


def _run(interrupts: list[int]) -> None:
    import warnings

    from srgan_cli.cli import app
    from srgan_cli.errors import OutputClosed, printable, to_srgan_error

    warnings.simplefilter("ignore")  # libraries address programmers
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # file names need not be printable
    try:
        app(prog_name="srgan")
    except Exception as error:  # users see a traceback only with --debug
        if interrupts:
            raise KeyboardInterrupt from error
        if "--debug" in sys.argv:
            import traceback

            traceback.print_exc()
        known = to_srgan_error(error)
        if isinstance(known, OutputClosed):  # flushing the closed stdout at exit would fail
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        else:
            hint = f"  hint: {printable(known.hint)}\n" if known.hint else ""
            sys.stderr.write(f"srgan: {printable(known.message)}\n{hint}")
        sys.exit(known.exit_code)


if __name__ == "__main__":
    run()
