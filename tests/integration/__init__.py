"""Tests over real sockets, processes and files."""
