"""What runs beside the data: biometrics, matching, shards. No gRPC."""
