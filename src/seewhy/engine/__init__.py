"""The one loop from rows to masked images to scores, and runs that stop by the stopping rule."""
