"""`python3 -m labkit`: the command behind every make target."""

import sys

from labkit.cli import main

sys.exit(main())
