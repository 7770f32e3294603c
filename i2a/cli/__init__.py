"""Commands of the core. Each package brings its own through the entry-point group `i2a.commands`."""

import signal
import sys
from pathlib import Path

# While the rest is imported, Ctrl-C ends the command without the traceback of an import; `main` listens from then on.
if Path(sys.argv[0]).stem in ("i2a", "-m") and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
