"""An evaluation and an audit for people to read: text, SVG charts, and one HTML file of both."""
