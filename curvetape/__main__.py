"""`python -m curvetape`: the same as the console script."""

from curvetape.cli import main

if __name__ == "__main__":
    main(prog_name="curvetape")
