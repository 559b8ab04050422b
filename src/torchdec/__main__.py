"""``python -m torchdec`` is the command `torchdec`."""

from torchdec.cli._app import main

if __name__ == "__main__":
    main()
