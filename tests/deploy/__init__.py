"""What is under deploy/, without a cluster: schemas, and that everything agrees with everything."""
