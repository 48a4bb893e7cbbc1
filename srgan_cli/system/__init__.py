"""Files, storage, devices, memory, processes: what the operating system has."""
