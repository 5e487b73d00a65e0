"""Network weights and reference libraries; data, no code."""
