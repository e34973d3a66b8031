"""Prints: transactions, images, templates, extraction."""
