"""srgan upscale."""

import typer

from srgan_cli.cli.defaults import EXCLUSIVE
from srgan_cli.cli.fast_import import gc_paused
from srgan_cli.cli.options import check_exclusive, given_options, takes
from srgan_cli.cli.stdio import STANDARD, is_stream, standard_names
from srgan_cli.cli.upscale.options import UpscaleArguments
from srgan_cli.errors import UsageError, import_extra

_OF_FILES = ("name", "from_file", "no_clobber", "strict", "devices", "on")
"""Options that are not for a stream of raw video, beside those of pictures and of other videos."""


@takes(UpscaleArguments)
def upscale(context: typer.Context, arguments: UpscaleArguments) -> None:
    """Enlarge pictures, animations, multi-page documents and videos, or all pictures in a folder and its subfolders.

    A file that cannot be read does not stop the others; failures are listed at the end.  In an output folder, files
    that were made from the same input, weights and options are kept.  IN and OUT may be - for stdin and stdout.

    Exit codes: 0 success, 1 a file failed, 2 invalid usage, 129 hung up, 130 interrupted, 141 output closed,
    143 terminated.
    """
    with gc_paused():
        from srgan_cli.cli.upscale.request import ENCODING_OPTIONS, PICTURE_OPTIONS, VIDEO_OPTIONS, UpscaleRequest
        from srgan_cli.cli.upscale.run import run, run_video
        from srgan_cli.image.ops import KERNELS
        from srgan_cli.system.memory_usage import retain_freed_memory, return_freed_memory
        from srgan_cli.upscaling.scale import check_scale
        from srgan_cli.upscaling.video.raw import is_video

    inputs, out = _split(arguments.places or [], arguments.from_file)
    video = is_video(inputs, out, arguments.form)
    check_scale(arguments.scale)
    _check(context, arguments, out, video=video)
    named = given_options(context, *VIDEO_OPTIONS, *PICTURE_OPTIONS, *ENCODING_OPTIONS)
    request = UpscaleRequest.of(arguments, inputs, out, named=named, is_raw_video=video)
    if request.factory.policy.max_memory is None and request.factory.model not in KERNELS:
        retain_freed_memory()
    else:  # retained memory would count towards the limit
        return_freed_memory()
    (run_video if video else run)(request)


def _check(context: typer.Context, arguments: UpscaleArguments, out: str, *, video: bool) -> None:
    """Raises UsageError for options that exclude each other."""
    from srgan_cli.cli.upscale.request import ENCODING_OPTIONS, PICTURE_OPTIONS, VIDEO_OPTIONS
    from srgan_cli.upscaling.video.raw import VIDEO

    for names in EXCLUSIVE:
        check_exclusive(context, *names)
    if arguments.cog:
        import_extra("rasterio", "geo", "--cog needs rasterio, which is not installed")
    if arguments.as_json and out == STANDARD:
        message = "standard output cannot hold both a picture and JSON"
        raise UsageError(message, "name a file, or leave --json out", option="json")
    if video and arguments.form not in ("", VIDEO):
        raise UsageError(f"{out} asks for y4m, --format for {arguments.form}", "leave --format out", option="format")
    others = *_OF_FILES, *PICTURE_OPTIONS, *ENCODING_OPTIONS, *VIDEO_OPTIONS
    if video and (refused := given_options(context, *others)):
        raise UsageError(f"raw video takes no {refused[0]}", "leave it out")


def _split(places: list[str], from_file: str) -> tuple[list[str], str]:
    """The inputs and the output, "" for one beside the only input.  Raises UsageError where one is missing."""
    if not places:
        missing, files = ("OUT", f"--from-file {from_file} out/") if from_file else ("IN", "in.png out.png")
        raise UsageError(f"{missing} is missing", f"srgan upscale {files}")
    if len(places) == 1 and not from_file:
        if is_stream(standard_names(places, "")[0][0]):
            raise UsageError("OUT is missing", f"srgan upscale {places[0]} out.png")
        return places, ""
    inputs, out = standard_names(places[:-1], places[-1])
    if from_file == STANDARD and STANDARD in inputs:
        raise UsageError("standard input cannot be both a list and a picture", "give the list as a file")
    if from_file and is_stream(out):
        raise UsageError("standard output holds one picture", "name a folder for many")
    return inputs, out
