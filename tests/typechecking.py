"""What checks types and shapes while tests run: as mypy does, it takes a whole number for a float."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
