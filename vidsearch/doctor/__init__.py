"""Examination of an installation: libraries, devices, decoders, machine, model packs."""
