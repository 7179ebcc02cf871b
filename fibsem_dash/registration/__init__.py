"""The stages of a registration, what they keep on disk, and their order."""
