"""The three stages and the three formulas: torch only, no files, no printing, no labels."""
