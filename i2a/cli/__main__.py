"""`python -m i2a.cli`, for launchers such as accelerate that start a module."""

from i2a.cli.main import main

main()
