"""The contract's services: each method checks its request, does its work, fills its record."""
