"""Evaluation protocols, their metrics and their reports.

``metrics`` computes figures from arrays, ``protocols`` reads the files of published protocols, and
``report`` writes reports. Every other folder is one protocol, with the same modules:

- ``data``: inputs that are read (where the protocol has more than one file);
- ``measure``: figures of the inputs;
- ``report``: the report on the figures;
- ``evaluate``: inputs in, report out; the function that the command calls.
"""
