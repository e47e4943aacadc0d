"""Models of Keras and of keras.applications."""
