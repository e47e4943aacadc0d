"""The result: values on the original photo, and everything that can be done with it."""
