"""What makes many machines one gallery: store, partitions, placement, executors."""
