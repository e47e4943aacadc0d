"""The place where ``lime`` keeps its segmentations."""
