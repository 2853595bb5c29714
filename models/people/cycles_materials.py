"""Cycles' materials for synthetic people: skin, eyes, mouth, hair, what people wear, and the light around them."""

from __future__ import annotations

import bpy
import numpy as np

from .parts import Part

MADE: list = []  # materials and pictures of one person, to be removed with it
LINING = (0.36, 0.09, 0.08, 1)  # of the mouth
SURROUNDINGS = (64, 32)  # pixels


class Nodes:
    """A material's nodes, made and linked by name."""

    def __init__(self, tree):
        self.tree = tree

    def add(self, kind: str, **inputs):
        """A node; inputs by name (underscores for spaces): values, or sockets to link."""
        node = self.tree.nodes.new(kind)
        for name, value in inputs.items():
            socket = node.inputs[name.replace("_", " ")]
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, socket)
            else:
                socket.default_value = value
        return node

    def link(self, output, socket) -> None:
        self.tree.links.new(output, socket)

    def mixed(self, share, a, b):
        """The colour between a and b."""
        node = self.tree.nodes.new("ShaderNodeMix")
        node.data_type = "RGBA"
        for socket, value in zip((node.inputs[0], node.inputs[6], node.inputs[7]), (share, a, b), strict=True):
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, socket)
            else:
                socket.default_value = value
        return node.outputs[2]

    def ranged(self, value, low: float, high: float):
        """`value` 0..1 onto low..high."""
        return self.add("ShaderNodeMapRange", Value=value, To_Min=low, To_Max=high).outputs[0]

    def picture(self, image, repeat: bool = True):
        node = self.tree.nodes.new("ShaderNodeTexImage")
        node.image = image
        node.extension = "REPEAT" if repeat else "EXTEND"
        return node

    def attribute(self, name: str):
        node = self.tree.nodes.new("ShaderNodeAttribute")
        node.attribute_name = name
        return node


def _material(name: str):
    """A new material, its nodes, and its principled shader."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    nodes = Nodes(material.node_tree)
    return material, nodes, material.node_tree.nodes["Principled BSDF"]


def skin(colour, relief):
    material, nodes, shader = _material("skin")
    painted, inside = nodes.picture(colour), nodes.attribute("inside").outputs["Fac"]
    albedo = nodes.mixed(inside, painted.outputs["Color"], LINING)
    nodes.link(albedo, shader.inputs["Base Color"])
    rough = nodes.ranged(painted.outputs["Alpha"], 0.64, 0.36)
    nodes.link(rough, shader.inputs["Roughness"])
    shader.subsurface_method = "RANDOM_WALK"
    shader.inputs["Subsurface Weight"].default_value = 0.5
    shader.inputs["Subsurface Radius"].default_value = (1.0, 0.35, 0.2)
    shader.inputs["Subsurface Scale"].default_value = 0.004
    shader.inputs["Specular IOR Level"].default_value = 0.45
    bump = nodes.add("ShaderNodeBump", Strength=1.0, Distance=1.0, Height=nodes.picture(relief).outputs["Color"])
    nodes.link(bump.outputs[0], shader.inputs["Normal"])
    return material


def eye(picture):
    material, nodes, shader = _material("eye")
    nodes.link(nodes.picture(picture, repeat=False).outputs["Color"], shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = 0.25
    shader.inputs["Coat Weight"].default_value = 1.0
    shader.inputs["Coat Roughness"].default_value = 0.04
    return material


def moist(name: str):
    material, _, shader = _material(name)
    shader.inputs["Roughness"].default_value = 0.3
    return material


def teeth():
    material, nodes, shader = _material("teeth")
    gum = nodes.attribute("gum").outputs["Fac"]
    mix = nodes.mixed(gum, (0.8, 0.75, 0.65, 1), (0.42, 0.13, 0.13, 1))
    mix.node.name = "enamel and gum"
    nodes.link(mix, shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = 0.2
    shader.inputs["Subsurface Weight"].default_value = 0.2
    shader.inputs["Subsurface Scale"].default_value = 0.002
    return material


def set_mouth(enamel, gum) -> None:
    """Colours of teeth, gums and tongue, linear RGB."""
    mix = bpy.data.materials["teeth"].node_tree.nodes["enamel and gum"]
    mix.inputs[6].default_value = (*[float(c) for c in np.minimum(np.array(enamel) * 1.1, 0.95)], 1)
    mix.inputs[7].default_value = (*[float(c) for c in gum], 1)
    tongue = bpy.data.materials["tongue"].node_tree.nodes["Principled BSDF"]
    tongue.inputs["Base Color"].default_value = (*[float(c) for c in np.array(gum) * (1.05, 0.85, 0.85)], 1)


def hair():
    """Strands of the colour that their points carry."""
    material, nodes, shader = _material("hair")
    MADE.append(material)
    nodes.link(nodes.attribute("tint").outputs["Color"], shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = 0.36
    shader.inputs["Specular IOR Level"].default_value = 0.35
    return material


def worn(picture, part: Part):
    material, nodes, shader = _material(part.kind)
    MADE.extend((material, picture))
    painted = nodes.picture(picture)
    if part.glass:
        tint = nodes.mixed(painted.outputs["Alpha"], (1, 1, 1, 1), painted.outputs["Color"])
        through = nodes.add("ShaderNodeBsdfTransparent", Color=tint)
        mirror = nodes.add("ShaderNodeBsdfGlossy", Roughness=0.02)
        facing = nodes.add("ShaderNodeFresnel", IOR=1.5)
        mix = nodes.add("ShaderNodeMixShader", Fac=facing.outputs[0])
        nodes.link(through.outputs[0], mix.inputs[1])
        nodes.link(mirror.outputs[0], mix.inputs[2])
        nodes.link(mix.outputs[0], material.node_tree.nodes["Material Output"].inputs["Surface"])
        return material
    nodes.link(painted.outputs["Color"], shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = part.roughness
    shader.inputs["Metallic"].default_value = float(part.metal)
    if part.roughness > 0.6:  # cloth
        shader.inputs["Specular IOR Level"].default_value = 0.15
        shader.inputs["Sheen Weight"].default_value = 0.15
    return material


def forget() -> None:
    """Removes the materials and pictures of the person before."""
    for thing in MADE:
        (bpy.data.materials if isinstance(thing, bpy.types.Material) else bpy.data.images).remove(thing)
    MADE.clear()


def surroundings(world):
    """The picture that lights a world from all around."""
    world.use_nodes = True
    nodes = Nodes(world.node_tree)
    width, height = SURROUNDINGS
    image = bpy.data.images.new("surroundings", width, height, float_buffer=True, is_data=True)
    node = world.node_tree.nodes.new("ShaderNodeTexEnvironment")
    node.image = image
    nodes.link(node.outputs[0], world.node_tree.nodes["Background"].inputs["Color"])
    world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", 64
    return image


def set_surroundings(image, ambient: np.ndarray) -> None:
    """ambient [4,3]: light that falls on a surface: constant, and how it grows along x, y and z of its normal."""
    width, height = SURROUNDINGS
    rise = ((np.arange(height) + 0.5) / height - 0.5) * np.pi
    turn = (0.5 - (np.arange(width) + 0.5) / width) * 2 * np.pi
    c = np.cos(rise)[:, None]
    direction = np.stack([c * np.cos(turn), c * np.sin(turn), np.sin(rise)[:, None] + 0 * turn], -1)
    light = np.maximum(ambient[0] + 1.5 * direction @ ambient[1:], 0.0)  # a surface sees two thirds of a slope
    pixels = np.concatenate([light, np.ones((height, width, 1))], -1)
    image.pixels.foreach_set(pixels.astype("f4").ravel())
    image.update()
