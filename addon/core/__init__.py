"""Zygoma's core: everything between a photograph, a table and finished frames; imports neither bpy nor torch."""
