"""Songs under way: from their file to a worker process, to their answer."""
