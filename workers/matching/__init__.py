"""The engine: descriptor, screen, consolidate, fuse, calibrate."""
