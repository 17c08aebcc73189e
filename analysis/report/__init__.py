"""The page a reader opens, and what goes into it."""
