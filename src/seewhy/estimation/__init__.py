"""What samples say: values of segments or pixels, with intervals."""
