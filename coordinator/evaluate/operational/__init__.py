"""How well the matcher does on an operator's own gallery: subjects with several encounters.

`draw` chooses whom to search for, `run` searches, `rates` counts; `exchange` is what two releases
tell each other of their searches, `shadow` runs the other one and `comparison` sets them side by
side.
"""
