"""How requests come in and answers go out: connections, limits, headers, the log."""
