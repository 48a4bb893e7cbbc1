"""Pictures: reading and writing them, and operations on their pixels."""
