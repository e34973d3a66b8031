"""Killed processes, cut links, full disks: what was acknowledged stays, nothing is half done."""
