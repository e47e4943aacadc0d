"""Which coalitions are evaluated: designs, rows of bits, masks, and the samples that come of them."""
