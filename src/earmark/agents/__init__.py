"""What programs that act for people may ask of Earmark: `tools` answers, `server` speaks MCP.

Nothing here changes a file or a library. What could be changed is proposed; a person applies it.
"""
