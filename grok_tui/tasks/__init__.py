"""The tasks: tables of pairs with answers and a split, one entry for each operation."""
