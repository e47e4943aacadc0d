"""The models that come with seewhy: EfficientNet-Lite."""
