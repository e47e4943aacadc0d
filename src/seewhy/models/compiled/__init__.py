"""Networks compiled by OpenVINO, held against their originals."""
