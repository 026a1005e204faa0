"""`python -m rollkeeper`."""

from rollkeeper.cli import main

if __name__ == "__main__":
    main()
