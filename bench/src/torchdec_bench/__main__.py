"""``python -m torchdec_bench`` is the command `torchdec-bench`."""

from torchdec_bench.cli._app import main

if __name__ == "__main__":
    main()
