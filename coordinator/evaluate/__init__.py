"""How well the matcher does on a folder of prints: verification and identification."""
