"""The report: one self-contained HTML file about runs of any kind, with an explorer of their trees."""
