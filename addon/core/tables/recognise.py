"""What a table's header says it is: OpenFace's, or which other program's."""

from __future__ import annotations

import re

from ..attributes import UNITS

INTENSITIES: tuple[str, ...] = tuple(f"{unit}_r" for unit in UNITS)
EXTRA = ("AU16_r", "AU18_r", "AU22_r")  # what OpenFace itself never writes
POSE: tuple[str, ...] = ("pose_Rx", "pose_Ry", "pose_Rz")
PLACE: tuple[str, ...] = ("pose_Tx", "pose_Ty", "pose_Tz")  # of the head from the camera, in millimetres
GAZE: tuple[str, ...] = ("gaze_angle_x", "gaze_angle_y")  # of the camera, not of the head
SCALE = ("scale", "zygoma")  # a column of Zygoma's own tables and what it says: AU.._r is 5 x slider


def canonical(header: tuple[str, ...]) -> dict[str, str]:
    """OpenFace's name of each column that is read -> the file's own, whatever its case (`time` is `timestamp`)."""
    wanted = ("frame", "face_id", "face", "timestamp", "confidence", "success", *POSE, *PLACE, *GAZE, *INTENSITIES)
    spelled = {name.casefold(): name for name in reversed(header)}
    found = {name: spelled[name.casefold()] for name in wanted if name.casefold() in spelled}
    if "timestamp" not in found and "time" in spelled:
        found["timestamp"] = spelled["time"]
    return found


def is_own(header: tuple[str, ...], first: tuple[str, ...]) -> bool:
    """Whether Zygoma followed a movie and wrote the table, so that its numbers are the sliders' own. first: the first
    row's cells."""
    written = dict(zip((name.casefold() for name in header), first, strict=False))
    return written.get(SCALE[0], "").strip().strip('"') == SCALE[1]


def openface_format(header: tuple[str, ...], several_faces: bool, own: bool) -> str:
    """Which of OpenFace's programs wrote the table, as far as its columns tell; own: Zygoma did."""
    names = [name.casefold() for name in header]
    if own:
        return "Zygoma track" + (", several faces" if several_faces else "")
    whole = "au01_c" in names and "confidence" in names
    if whole and names[0] == "face" and "frame" not in names:
        return "OpenFace 2.x, pictures (FaceLandmarkImg)"
    if whole and names[:5] == ["frame", "face_id", "timestamp", "confidence", "success"]:
        return "OpenFace 2.x, " + ("several faces (FaceLandmarkVidMulti)" if several_faces else "video")
    if whole and names[:4] == ["frame", "timestamp", "confidence", "success"]:
        return "OpenFace 1.x, video"
    return "OpenFace columns, saved again by another program"


def refusal(header: tuple[str, ...]) -> str:
    """Why a header without AU intensities is refused: the rest of a sentence that begins with the file's name."""
    names = {name.casefold() for name in header}
    units = sorted(name for name in names if re.fullmatch(r"au_?\d\d?", name))
    line = "".join(header)
    if re.search(r"AU\d\d_r.*AU\d\d_r", line, re.IGNORECASE):
        return "has columns that are separated by neither commas, semicolons nor tabs: save it as CSV"
    if {"timecode", "blendshapecount"} <= names:
        return "is a Live Link Face recording (ARKit blend shapes), which is not read yet: OpenFace tables are"
    if names & {"facerectx", "facescore"} or (units and {"pitch", "yaw"} <= names):
        return (
            "is a py-feat table (AUs from 0 to 1 on a scale of their own), which is not read yet: OpenFace tables are"
        )
    if "action_units" in names:
        return "is an OpenFace 3 table (8 units without an official order), which is not read: use OpenFace 2.2"
    if {"eyeblinkleft", "jawopen"} <= names or {"eyeblink_l", "jawopen"} <= names:
        return "holds ARKit blend shapes and no Action Units, which is not read yet: OpenFace tables are"
    if any(re.fullmatch(r"au\d\d_c", name) for name in names):
        return "holds only presences (AU.._c, 0 or 1) and no intensities (AU.._r): run OpenFace again with -aus"
    if units:
        return f"has units named like {units[0].upper()}, which is no OpenFace table: OpenFace's intensities end in _r"
    if any(re.fullmatch(r"fe\d\d", name) for name in names):
        return "holds columns derived from an OpenFace table (FE01..) and no Action Units: import the table itself"
    if names & {"pose_rx", "pose_tx", "gaze_0_x", "gaze_angle_x", "x_0", "eye_lmk_x_0"}:
        return "is an OpenFace table without Action Units (pose, gaze or landmarks only): run OpenFace again with -aus"
    if header and all(re.fullmatch(r"-?[\d.,\s]+", name or "0") for name in header):
        return "has no header line with the names of its columns"
    if line.lstrip()[:1] in "{[<":
        return "is no table of columns but JSON, HTML or XML"
    shown = ", ".join(name[:24] for name in header[:3])
    return f"is another program's table (its columns begin with {shown}): there are no Action Units in it"
