"""What others' tools do for the same images, each run by an interpreter of its own environment."""
