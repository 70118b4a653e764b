"""What is shown of a run, without a toolkit."""
