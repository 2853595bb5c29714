"""The command line: render one clip, or a list of them; compare packs; drive a photo by pictures; read a movie; say
what a file is."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from .core.errors import ZygomaError

if TYPE_CHECKING:
    from .core.render import ClipReport

FAILED, WRONG_ARGUMENTS, INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 for an error of the user's data, 2 for wrong arguments, 130 for
    Ctrl-C. Also what `blender --command zygoma` runs."""
    try:
        args = _parser().parse_args(argv)
    except SystemExit as end:
        return int(end.code or 0)
    try:
        return args.run(args)
    except ZygomaError as error:
        for line in str(error).splitlines():  # a list of clips has a line a mistake
            print(f"zygoma: {line}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        kept = "" if args.run is _inspect else "; finished frames are kept, and the same command goes on from there"
        if args.run in (_render, _drive) and args.out.suffix.lower() == ".mp4":
            kept = "; nothing of the movie is kept"
        print(f"zygoma: interrupted{kept}.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # | head
        sys.stderr.close()
        return FAILED
    except OSError as error:  # such as a name that is too long to look for
        print(f"zygoma: {str(error.filename)[:120]}: {error.strerror}.", file=sys.stderr)
        return FAILED


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_ARGUMENTS, f"{self.prog}: {message} ({self.prog} --help lists all).\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="zygoma", description="Animate a photograph of a face with Action Units.")
    commands = parser.add_subparsers(required=True, metavar="render | compare | drive | batch | track | inspect")
    render = commands.add_parser("render", help="a photo and a table in, one frame a table row (or a movie) out")
    render.set_defaults(run=_render)
    _add_clip(render, "a folder for the frames, or a movie NAME.mp4")
    _add_frames(render, "zygoma-base")
    render.add_argument(
        "--size", type=_from_one, metavar="S", help="side of the generator's crop (default: what the photo has)"
    )

    compare = commands.add_parser("compare", help="one photo and table through several packs: a sheet and a movie out")
    compare.set_defaults(run=_compare)
    _add_clip(compare, "a folder for the sheet, the movie and each pack's frames")
    compare.add_argument(
        "--packs", type=_packs, default=(), metavar="ID,ID", help="packs' ids or folders (default: all that are here)"
    )

    drive = commands.add_parser("drive", help="a photo and another face's pictures in, one frame a picture out")
    drive.set_defaults(run=_drive)
    add = drive.add_argument
    add("photo", type=Path, metavar="PHOTO")
    add("driver", type=Path, metavar="DRIVER", help="a movie, a folder of pictures or one picture")
    add("out", type=_place, metavar="OUT", help="a folder for the frames, or a movie NAME.mp4")
    _add_footage(drive)
    add(
        "--face",
        type=_from_one,
        metavar="N",
        help="keep to one face of DRIVER, 1 is the largest of the first in view (default: whoever has driven most)",
    )
    _add_ends(drive)
    _add_frames(drive, "aipgan")

    batch = commands.add_parser("batch", help="render a list of clips; a rerun goes on where the last one ended")
    batch.set_defaults(run=_batch)
    batch.add_argument("job", type=Path, metavar="JOB.toml")
    batch.add_argument("--check", action="store_true", help="only check the whole list")

    track = commands.add_parser("track", help="follow the faces of a movie: a table of Action Units out")
    track.set_defaults(run=_track)
    track.add_argument("movie", type=Path, metavar="MOVIE", help="a movie, a folder of pictures or one picture")
    track.add_argument("table", type=Path, metavar="OUT.csv", help="the table")
    _add_footage(track)
    add = track.add_argument
    add("--faces", type=_from_one, default=8, metavar="N", help="at most so many at a time (default: %(default)s)")
    add("--overwrite", action="store_true", help="replace a table that is there")

    inspect = commands.add_parser("inspect", help="what a table, a photo or a pack is, as Zygoma sees it")
    inspect.set_defaults(run=_inspect)
    inspect.add_argument("file", type=Path, metavar="FILE")
    inspect.add_argument("--picture", type=Path, metavar="OUT.png", help="also draw it")
    inspect.add_argument("--pack", default="zygoma-base", metavar="ID", help="whose fit a photo's source vector is")
    inspect.add_argument("--face", type=int, metavar="ID", help="which face of a table")
    inspect.add_argument("--rate", type=_rate, metavar="R", help="rows a second of a table without a clock")
    return parser


def _add_clip(parser: argparse.ArgumentParser, out: str) -> None:
    """What a clip depends on, whichever packs make it."""
    add = parser.add_argument
    add("photo", type=Path, metavar="PHOTO")
    add("table", type=Path, metavar="TABLE", help="an OpenFace CSV")
    add("out", type=_place, metavar="OUT", help=out)
    add("--face", type=int, metavar="ID", help="which face of the table (default: the one with most rows)")
    add("--start", type=_from_one, default=1, metavar="N", help="first table row, counted from 1")
    add("--end", type=_from_one, metavar="N", help="last table row (default: the last)")
    add("--rate", type=_rate, metavar="R", help="rows a second of a table without a usable clock")
    add("--fps", type=_fps, metavar="F", help="resample to F frames a second (default: one frame a row)")
    add("--own-expression", type=_share, default=1.0, metavar="W", help="how much of the photo's own stays, 0 to 1")
    add("--own-pose", type=_share, default=1.0, metavar="W", help="the same for the head's pose and the gaze")
    add("--absolute", action="store_true", help="both weights 0: the table's values are the face's")
    add("--as-is", action="store_true", help="intensity / 5, without gains or subtracting the driver's neutral")
    add("--divided", action="store_true", default=None, help="the table's intensities were divided by 5 already")
    add("--gain", type=_gain, action="append", default=[], metavar="AU12=2", help="another gain for one attribute")
    _add_ends(parser)


def _add_ends(parser: argparse.ArgumentParser) -> None:
    """What all that animates a photo shares, whatever moves it."""
    add = parser.add_argument
    add("--photo-face", type=_from_one, metavar="N", help="which face of the photo, 1 is the largest (default: 1)")
    add("--overwrite", action="store_true", help="replace what is there (default: go on with this clip's frames)")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(default: a CUDA GPU where there is one)")


def _add_frames(parser: argparse.ArgumentParser, pack: str) -> None:
    """What one pack makes."""
    add = parser.add_argument
    add("--pack", default=pack, metavar="ID", help="the generator: a pack's id or folder (default: %(default)s)")
    add("--crop", action="store_true", help="write the crop alone, not the whole photo")
    add("--format", choices=("png", "jpg", "webp", "tif"), default="png", help="of the frames (default: png)")


def _add_footage(parser: argparse.ArgumentParser) -> None:
    """Which part of a movie, and its clock."""
    add = parser.add_argument
    add("--start", type=_seconds, default=0.0, metavar="S", help="seconds from the movie's beginning")
    add("--end", type=_seconds, metavar="S", help="seconds from the movie's beginning (default: its end)")
    add(
        "--rate",
        type=_fps,
        metavar="R",
        help="pictures a second of a folder (default: 25), or of a movie's wrong clock",
    )


def _job(args: argparse.Namespace):
    """The ClipJob of `_add_clip`'s arguments."""
    from .core.clip import ClipJob

    return ClipJob(
        photo=args.photo,
        table=args.table,
        output=args.out,
        face=args.face,
        photo_face=_from_nought(args.photo_face),
        start=args.start,
        end=args.end,
        rate=args.rate,
        fps=args.fps,
        own_expression=0.0 if args.absolute else args.own_expression,
        own_pose=0.0 if args.absolute else args.own_pose,
        as_is=args.as_is,
        gains=dict(args.gain) or None,
        divided=args.divided,
        existing="overwrite" if args.overwrite else "skip",
        device=args.device,
    )


def _render(args: argparse.Namespace) -> int:
    from .core.clip import render_clip

    job = replace(_job(args), pack=args.pack, size=args.size, crop=args.crop, suffix=f".{args.format}")
    with _bar() as progress:
        report = render_clip(job, progress=progress)
    return _reported(report)


def _drive(args: argparse.Namespace) -> int:
    from .core.drive import DriveJob, drive_photo

    job = DriveJob(
        photo=args.photo,
        driver=args.driver,
        output=args.out,
        pack=args.pack,
        face=_from_nought(args.face),
        photo_face=_from_nought(args.photo_face),
        start=args.start,
        end=args.end,
        rate=args.rate,
        crop=args.crop,
        existing="overwrite" if args.overwrite else "skip",
        suffix=f".{args.format}",
        device=args.device,
    )
    with _bar() as progress:
        report = drive_photo(job, progress=progress)
    return _reported(report)


def _reported(report: ClipReport) -> int:
    from .core.render import frames_text

    for note in report.notes:
        print(note, file=sys.stderr)
    kept = f", {report.skipped} there already" if report.skipped else ""
    print(f"{report.output}: {frames_text(report.written)} written{kept}, {report.seconds['whole']:.1f} s.")
    return 0


def _compare(args: argparse.Namespace) -> int:
    from .core.compare import MOVIE, SHEET, compare_clip
    from .core.render import frames_text

    with _bar() as progress:
        made = compare_clip(_job(args), args.packs, progress)
    for note in made.notes:
        print(note, file=sys.stderr)
    kept = f", {made.skipped} there already" if made.skipped else ""
    print(
        f"{made.folder}: {SHEET} and {MOVIE} of {', '.join(made.packs)}; "
        f"{frames_text(made.written)} written{kept}, {made.seconds:.1f} s."
    )
    return 0


def _batch(args: argparse.Namespace) -> int:
    from .core.batch import check_jobs, read_jobs, run_jobs

    jobs = read_jobs(args.job)
    check_jobs(args.job, jobs)
    print(f"{args.job}: {'1 clip' if len(jobs) == 1 else f'{len(jobs)} clips'}, all checked.", flush=True)
    if args.check:
        return 0
    results = run_jobs(args.job, jobs, _clip_bar, lambda line: print(line, flush=True))
    failed = [(number, result.error) for number, result in enumerate(results, 1) if result.error]
    print(f"{len(results) - len(failed)} of {len(results)} clips are done, {len(failed)} failed.")
    for number, error in failed:
        print(f"zygoma: {args.job}, clip {number}: {error}", file=sys.stderr)
    return FAILED if failed else 0


def _track(args: argparse.Namespace) -> int:
    from .core.movies import TrackJob, track_movie
    from .core.render import frames_text

    job = TrackJob(args.movie, args.table, args.start, args.end, args.faces, args.rate, args.overwrite)
    with _bar() as progress:
        report = track_movie(job, progress=progress)
    for note in report.notes:
        print(note, file=sys.stderr)
    if report.stopped:
        kept = f"{report.table} holds the first {frames_text(report.frames)}" if report.faces else "no face so far"
        print(f"zygoma: interrupted; {kept}, and the same command goes on from there.", file=sys.stderr)
        return INTERRUPTED
    faces = ", ".join(f"face {face}: {rows:,} rows" for face, rows in report.faces.items())
    new = report.frames - report.resumed
    print(f"{report.table}: {frames_text(report.frames)}, {faces}; {new / max(report.seconds, 1e-3):.0f} frames/s.")
    return 0


def _inspect(args: argparse.Namespace) -> int:
    from .core.inspect import inspect

    for line in inspect(args.file, picture=args.picture, pack=args.pack, face=args.face, rate=args.rate):
        print(line)
    return 0


def _place(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("no place for the frames is named")
    return Path(text)


def _packs(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError(f"{text!r}: write the packs' ids or folders with commas between them")
    return names


def _from_one(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 on")
    return int(text)


def _from_nought(number: int | None) -> int | None:
    return None if number is None else number - 1


def _between(low: float, high: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        with contextlib.suppress(ValueError):
            if low <= float(text) <= high:
                return float(text)
        raise argparse.ArgumentTypeError(f"{text} is not a number from {low:g} to {high:g}")

    return number


_share, _rate, _fps = _between(0, 1), _between(0.01, 10_000), _between(0.01, 1000)
_seconds = _between(0, 1e6)


def _gain(text: str) -> tuple[str, float]:
    from .core.attributes import INDEX

    name, _, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: write NAME=FACTOR, such as AU12=2") from None
    if name not in INDEX or not abs(value) <= 100:
        raise argparse.ArgumentTypeError(f"{text}: write NAME=FACTOR, such as AU12=2; names are {', '.join(INDEX)}")
    return name, value


@contextlib.contextmanager
def _bar(name: str = ""):
    """A progress function for one clip: a bar where stderr is a terminal, else nothing."""
    from tqdm import tqdm

    with tqdm(disable=None, unit="frame", desc=name or None, leave=False, file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress


def _clip_bar(name: str) -> contextlib.AbstractContextManager[Callable[[int, int], None]]:
    return _bar(name)
