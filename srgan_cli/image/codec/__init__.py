"""Picture files: what each format holds, and how it is taken apart and put together."""
