"""Log records as lines: no name in a message can begin another line or steer a terminal."""

from __future__ import annotations

import logging

from vidsearch.text.printable import printable


class LineFormatter(logging.Formatter):
    """Format each record as one printable line, without a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        record.message = record.getMessage()
        if self.usesTime():
            record.asctime = self.formatTime(record, self.datefmt)
        return printable(self.formatMessage(record))
