"""The local web view: look at runs, finished or going, and rate replies. It writes nothing but ratings."""
