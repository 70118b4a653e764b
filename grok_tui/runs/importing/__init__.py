"""Reading what other programs wrote."""
