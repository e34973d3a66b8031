"""The front door: server, access, audit, search, client and command line."""
