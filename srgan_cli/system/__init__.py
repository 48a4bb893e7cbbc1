"""Files, remote storage, devices, memory and processes: what the operating system offers."""
