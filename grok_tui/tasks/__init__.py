"""What is learned: a table of pairs with answers and a split, one entry for each operation."""
