"""What a rig is, as data: a plane that shows its own picture, animated by custom properties, stamped with its source.

ob["zygoma"] holds, by name: version, photo (absolute path), photo_relative ("//" path from the file it is saved in, or
""), photo_sha256, box (x0, y0, x1, y1 in photo pixels), pack (id or folder), size (the crop's side, 0 for the photo's
own) and source (the photo's own value of each attribute). Everything is a plain custom property: readable, and there,
where Zygoma is not installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from pathlib import Path

import bpy
import numpy as np

from . import material, properties, sources
from .core.attributes import INDEX, named, vector
from .core.errors import ZygomaError
from .core.faces import Face, Photo, read_photo

VERSION = 1
GROUP = "zygoma"


@dataclass(frozen=True, eq=False)
class RigData:
    """photo_path: absolute; box in photo pixels; source_vector float32 [A] in the order of NAMES; size: the crop's side
    in pixels, None for what the face has in the photo."""

    name: str
    photo_path: str
    photo_sha256: str
    box: tuple[float, float, float, float]
    source_vector: np.ndarray
    pack_id: str
    size: int | None
    version: int


def is_rig(ob: bpy.types.ID | None) -> bool:
    return isinstance(ob, bpy.types.Object) and ob.type == "MESH" and hasattr(ob.get(GROUP), "keys")


def rigs() -> list[bpy.types.Object]:
    """All of the file, oldest first: a copy comes after what it was copied from."""
    return sorted(filter(is_rig, bpy.data.objects), key=lambda ob: ob.session_uid)


def create(
    context: bpy.types.Context,
    photo: Photo,
    face: Face,
    source_vector: np.ndarray,
    pack_id: str,
    size: int | None = None,
) -> bpy.types.Object:
    """A new rig at the 3D cursor, upright, one unit high; linked to the active collection, not yet selected."""
    name = photo.path.stem
    ob = bpy.data.objects.new(name, _plane(name, photo.pixels.shape[1] / photo.pixels.shape[0]))
    ob[GROUP] = {"version": VERSION, "size": size or 0, "pack": pack_id}
    set_photo(ob, photo.path, photo.sha256)
    set_source(ob, face.box, source_vector)
    properties.define(ob)
    picture = material.new_picture(name, photo)
    material.put_in_slot(ob, material.new_material(name, picture))
    ob.location = context.scene.cursor.location
    ob.rotation_euler = (pi / 2, 0, 0)
    context.collection.objects.link(ob)
    return ob


def set_photo(ob: bpy.types.Object, path: Path, sha256: str) -> None:
    ob[GROUP]["photo"] = str(Path(path).absolute())
    ob[GROUP]["photo_sha256"] = sha256
    store_relative(ob, bpy.data.filepath)


def set_source(ob: bpy.types.Object, box, source_vector: np.ndarray) -> None:
    """Which face, and what it shows by itself. box in photo pixels; source_vector float32 [A]."""
    ob[GROUP]["box"] = [float(edge) for edge in box]
    ob[GROUP]["source"] = named(np.asarray(source_vector, np.float32))


def set_pack(ob: bpy.types.Object, pack_id: str, size: int | None) -> None:
    """pack_id: an id or a folder; size: the crop's side in pixels, None for what the face has in the photo."""
    ob[GROUP]["pack"] = pack_id
    ob[GROUP]["size"] = size or 0


def store_relative(ob: bpy.types.Object, blend: str) -> None:
    """The photo as seen from the .blend file, so that a folder with both can move. blend: '' for an unsaved file."""
    path = photo_path(ob)
    try:
        ob[GROUP]["photo_relative"] = bpy.path.relpath(path, start=str(Path(blend).parent)) if blend else ""
    except ValueError:  # another drive
        ob[GROUP]["photo_relative"] = ""
    ob[GROUP]["photo"] = path


def photo_path(ob: bpy.types.Object) -> str:
    """Absolute: beside the file that the rig is stored in where the photo is there, else where it was at first.

    An appended rig may find another photo of that name beside its new file: that one does not count.
    """
    first = str(ob[GROUP].get("photo", ""))
    original = ob.original
    library = original.library
    if library is None and original.override_library:
        library = original.override_library.reference.library
    relative = str(ob[GROUP].get("photo_relative", ""))
    if relative and (library or bpy.data.filepath):
        near = Path(bpy.path.abspath(relative, library=library))
        if near.is_file():
            sha256 = str(ob[GROUP].get("photo_sha256", ""))
            if not Path(first).is_file() or sources.holds(near, sha256):
                return str(near.resolve())
    return first


def read(ob: bpy.types.Object) -> RigData:
    """What the rig stores; works on evaluated, linked and overridden objects and changes nothing.

    Raises ZygomaError for what is broken or comes from a newer Zygoma.
    """
    group = ob[GROUP]
    try:
        version = int(group["version"])
        if version > VERSION:
            raise ZygomaError(f"{ob.name}: this rig was made by a newer Zygoma (format {version}); update Zygoma.")
        known = {name: float(value) for name, value in group["source"].items() if name in INDEX}
        box = tuple(float(edge) for edge in group["box"])
        if len(box) != 4 or not np.isfinite([*box, *known.values()]).all():
            raise ValueError("a number is missing or not finite")
        data = RigData(
            name=ob.name,
            photo_path=photo_path(ob),
            photo_sha256=str(group["photo_sha256"]),
            box=box,  # type: ignore[arg-type]
            source_vector=vector(known),
            pack_id=str(group["pack"]),
            size=int(group.get("size", 0)) or None,
            version=version,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise ZygomaError(f"{ob.name}: the rig's stored data are damaged ({problem}); add the photo anew.") from problem
    return data


def picture(ob: bpy.types.Object) -> bpy.types.Image:
    """The rig's own image, shared with no other rig. Takes an original object; cheap where nothing is to be done.

    Raises ZygomaError where the rig lost its image and the photo cannot be read.
    """
    own = material.material_of(ob)
    image = own[material.PICTURE] if own else None
    if image is None:
        return _remade(ob)
    # one user is the node, one the material's memory of it: more may be another rig
    if ob.library is None and (own.users > 1 or image.users > 2 or own.library is not None):
        image = material.make_single(ob, [other for other in rigs() if other != ob])
    return image


def image_node(ob: bpy.types.Object) -> bpy.types.ShaderNodeTexImage:
    """The node of the rig's material that shows its picture, or a bake. Raises ZygomaError."""
    picture(ob)
    return material.image_node(material.material_of(ob))


def show(ob: bpy.types.Object, pixels: np.ndarray) -> None:
    """Puts pixels uint8 [H,W,3] into the rig's picture, outside renders. Raises ZygomaError where they do not fit.

    The tag makes viewports start over: else they go on averaging the old face with the new one.
    """
    image = picture(ob)
    material.write_pixels(image, pixels)
    image.update_tag()


def show_photo(ob: bpy.types.Object) -> None:
    """Puts the photo into the rig's picture, from what is packed in it, else from the file. Raises ZygomaError."""
    image = picture(ob)
    if not material.to_packed(image):
        photo = _photo(ob)
        if tuple(image.size) != photo.pixels.shape[1::-1]:
            raise ZygomaError(f"{ob.name}: its photo has another size by now; put the old one back, or make a new rig.")
        material.pack_photo(image, photo)
    image.update_tag()


def why_not_editable(ob: bpy.types.Object) -> str | None:
    """Why the rig cannot be keyed, None where it can."""
    if ob.library is not None:
        return f"{ob.name} is linked from {ob.library.name}: make a library override of it first"
    if ob.override_library is not None and ob.override_library.is_system_override:
        return f"{ob.name} is an override that is not editable yet: make it editable first"
    return None


def why_no_room(context: bpy.types.Context) -> str | None:
    """Why no rig can be added to the active collection, None where one can."""
    collection = context.collection
    if collection.library is not None:
        return f"The active collection {collection.name} is linked: make one of this file active first"
    if collection.override_library is not None:
        return f"The active collection {collection.name} is an override: make one of this file active first"
    return None


def active(context: bpy.types.Context) -> bpy.types.Object | None:
    """The active object where it is a rig, else the only selected rig."""
    if is_rig(context.object):
        return context.object
    selected = [ob for ob in context.selected_objects if is_rig(ob)]
    return selected[0] if len(selected) == 1 else None


def why_no_rig(context: bpy.types.Context) -> str | None:
    """Why there is no rig to work on, None where there is one."""
    if active(context) is None:
        return "Select a face rig first: Add > Image > Face from Photo makes one"
    return None


def _photo(ob: bpy.types.Object) -> Photo:
    photo = read_photo(photo_path(ob))
    if photo.sha256 != ob[GROUP].get("photo_sha256"):
        raise ZygomaError(
            f"{photo.path}: the photo has changed since {ob.name} was made from it; put the old one back."
        )
    return photo


def _remade(ob: bpy.types.Object) -> bpy.types.Image:
    """The material and picture of a rig that lost them."""
    slots = ob.material_slots
    if slots and slots[0].material is not None and material.material_of(ob) is None:
        lost = slots[0].material
        if lost.library is None and lost.node_tree and material.NODE in lost.node_tree.nodes:
            photo = _photo(ob)  # only the image was deleted
            image = material.new_picture(ob.name, photo)
            lost.node_tree.nodes[material.NODE].image = image
            lost[material.PICTURE] = image
            return image
        raise ZygomaError(
            f"{ob.name}: shows the material {lost.name}, not its own; empty its slot to get its own back."
        )
    photo = _photo(ob)
    image = material.new_picture(ob.name, photo)
    material.put_in_slot(ob, material.new_material(ob.name, image))
    return image


def _plane(name: str, aspect: float) -> bpy.types.Mesh:
    """In the XY plane, one unit high, `aspect` wide, with UVs."""
    mesh = bpy.data.meshes.new(name)
    corners = [(-aspect / 2, -0.5, 0), (aspect / 2, -0.5, 0), (aspect / 2, 0.5, 0), (-aspect / 2, 0.5, 0)]
    mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
    layer = mesh.uv_layers.new(name="UVMap")
    layer.data.foreach_set("uv", [0, 0, 1, 0, 1, 1, 0, 1])
    mesh.update()
    return mesh
