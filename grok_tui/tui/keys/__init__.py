"""The keys: what they do, which are in force, and how to find them by words."""
