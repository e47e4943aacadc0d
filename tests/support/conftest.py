"""Nothing here is a test.

Collected for doctests, a module that lacks its library would be left half imported, and the tests that share it would
fail where they should be skipped.
"""

collect_ignore_glob = ["*.py"]
