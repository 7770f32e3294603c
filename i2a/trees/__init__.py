"""What a conversation is: the tree, its form on disk, and what is exchanged with other tools."""
