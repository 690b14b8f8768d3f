"""Reproducible long-tailed image classification: the program `reproduce`."""
