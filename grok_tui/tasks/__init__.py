"""What is learned: pairs, answers, split, group."""
