"""People on the pages: name and face, and whom verdicts go to."""
