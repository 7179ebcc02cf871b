"""What the Quality page compares, apart from how it looks."""
