"""Commands that are killed over and over, and must leave the state of an undisturbed one."""
