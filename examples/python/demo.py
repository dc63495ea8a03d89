"""What `make demo` runs: python examples/python/demo.py --out runs/demo --minutes 4"""

import sys

from scrl.demo import main

if __name__ == "__main__":
    sys.exit(main())
