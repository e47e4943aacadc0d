"""Image classifiers for transformers."""
