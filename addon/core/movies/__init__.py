"""Movie -> faces over time -> a table of Action Units on the sliders' own scale.

footage -> follow -> journal -> units -> table; tracking runs them.
"""

from .tracking import TrackJob, TrackReport, track_movie

__all__ = ["TrackJob", "TrackReport", "track_movie"]
