"""The server as its clients meet it: real sockets, mutual TLS, the in-process executor."""
