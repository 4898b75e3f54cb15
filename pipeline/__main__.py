"""`python -m pipeline` and the `cueline` command → the click group."""

from pipeline.cli import main

if __name__ == "__main__":
    main()
