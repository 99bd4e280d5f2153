"""The composition root: everything that starts, wires and runs the house."""
