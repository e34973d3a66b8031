"""Killed processes, cut links, full disks: what was acknowledged stays, no answer is wrong."""
