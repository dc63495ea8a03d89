"""The shell command `scrl`. One file per group of commands; this one holds what they share.

A failure is one line on stderr, `scrl: …`, and exit code 1 (2 for usage, 130 after Ctrl-C, 143 after
SIGTERM, 129 after SIGHUP).
"""

import os
import sys
from typing import List, Optional

import typer

from .. import __version__
from ..errors import LONGEST, Error, one_line
from ..interrupts import Terminated, terminated
from . import coco, detect, export, judges, linear, look, make, measure, train
from .output import Failure, flush_notes, prepare_streams

app = typer.Typer(
    name="scrl", no_args_is_help=True, add_completion=False, rich_markup_mode="markdown",
    pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]},
    help="Self-supervised pretraining of backbones that localise (SCRL), on the CPU.\n\n"
         "Three commands from a folder of pictures to features:\n\n"
         "`scrl pack photos/ --out d.h5`\n\n"
         "`scrl pretrain --data d.h5 --out run/`\n\n"
         "`scrl features --checkpoint run/ --data d.h5 --out feats.npy`\n\n"
         "No pictures at hand? `scrl synth --out scenes/` makes some.\n\n"
         "What a command writes replaces an older file of its own kind; any other file stays.",
)
bench = typer.Typer(no_args_is_help=True, help="Compares with a reference, then measures, on this machine.")
exports = typer.Typer(no_args_is_help=True, help="Writes what a dataset holds in other programs' forms.")
evaluations = typer.Typer(
    no_args_is_help=True, help="Judges a backbone: on labelled images (linear, knn), on labelled boxes "
    "(regions, retrieval), without labels (correspondence, health).")
detections = typer.Typer(
    no_args_is_help=True, help="Trains a detector on a backbone, uses it, measures it.")

app.command("synth")(make.synth)
app.command("pack")(make.pack)
app.command("pretrain")(train.pretrain)
app.command("resume")(train.resume)
app.command("features")(train.features)
app.command("info")(look.info)
app.command("report")(look.report)
app.command("config")(look.config)
bench.command("step")(measure.step)
bench.command("views")(measure.views)
bench.command("features")(measure.features)
bench.command("kernels")(measure.kernels)
bench.command("busy")(measure.busy)
app.add_typer(bench, name="bench")
evaluations.command("linear")(linear.linear)
evaluations.command("knn")(judges.knn)
evaluations.command("regions")(judges.regions)
evaluations.command("retrieval")(judges.retrieval)
evaluations.command("correspondence")(judges.correspondence)
evaluations.command("health")(judges.health)
evaluations.command("coco")(coco.coco)
app.add_typer(evaluations, name="eval")
exports.command("coco")(export.coco)
exports.command("voc")(export.voc)
exports.command("cityscapes")(export.cityscapes)
exports.command("yolo")(export.yolo)
app.add_typer(exports, name="export")
detections.command("train")(detect.train)
detections.command("predict")(detect.predict)
detections.command("eval")(detect.evaluate)
app.add_typer(detections, name="detect")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"scrl {__version__}")
        raise typer.Exit()


@app.callback()
def _top(version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version.")) -> None:
    pass


def _say(message: object) -> None:
    text = one_line(" ".join(str(message).split()), LONGEST - len("scrl: "))
    sys.stderr.write(f"scrl: {text}\n")


def run(arguments: Optional[List[str]] = None) -> int:
    """Runs the command and answers its exit code."""
    prepare_streams()
    command = typer.main.get_command(app)
    try:
        with terminated():
            result = command.main(args=arguments, prog_name="scrl", standalone_mode=False)
        flush_notes()
        return result if isinstance(result, int) else 0
    except Failure as failure:
        _say(failure)
        return failure.code
    except BrokenPipeError:  # the reader of our pipe has left: `scrl config | head`
        _leave_pipe()
        return 1
    except (Error, OSError, MemoryError, ImportError) as error:
        _say(error if str(error) else type(error).__name__)
        return 1
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    except Terminated as stop:
        _say("terminated")
        return int(stop.code or 1)
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # `scrl`, `scrl bench`, … alone
            text = error.format_message() if hasattr(error, "format_message") else ""
            if text:
                sys.stderr.write(text + "\n")
            return 2
        if type(error).__name__ == "Abort":
            _say("interrupted")
            return 130
        if hasattr(error, "format_message"):  # usage errors of the option parser
            path = getattr(getattr(error, "ctx", None), "command_path", "scrl")
            _say(f"{error.format_message()} (see `{path} --help`)")
            return int(getattr(error, "exit_code", 2))
        _say(f"unexpected {type(error).__name__}: {error}")
        return 1


def _leave_pipe() -> None:
    """Python's own flush at the end finds somebody who listens."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())


def main() -> None:
    """The console script."""
    for descriptor in range(3):  # else a file of ours would get the number, and what is printed
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    code = run()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _leave_pipe()
        code = code or 1
    except OSError as error:  # a full disk
        _say(f"write to standard output: {error.strerror}")
        _leave_pipe()
        code = code or 1
    sys.exit(code)
