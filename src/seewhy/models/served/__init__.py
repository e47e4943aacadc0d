"""Models behind a server: Open Inference Protocol and TensorFlow Serving."""
