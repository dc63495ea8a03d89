"""`python -m scrl` is the shell command `scrl`."""

from .cli import main

if __name__ == "__main__":
    main()
