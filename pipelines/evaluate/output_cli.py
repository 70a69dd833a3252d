"""Where a protocol's report goes and what is printed: see ``vidsearch.report.output_cli``."""

from vidsearch.report.output_cli import add_output, finish

__all__ = ["add_output", "finish"]
