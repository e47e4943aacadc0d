"""The one loop from rows to masked images to scores, and runs that stop when they are sure enough."""
