"""`python -m trio_wa` is `trio-wa`."""

from trio_wa.cli import main

if __name__ == "__main__":
    main(prog_name="trio-wa")
