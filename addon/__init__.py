"""Zygoma: animate a photograph of a face from Blender's timeline with FACS Action Units.

Blender is imported only where Blender registers the add-on: `addon.core` and the command line need none.
"""

from __future__ import annotations


def register() -> None:
    from . import registration

    registration.register()


def unregister() -> None:
    from . import registration

    registration.unregister()
