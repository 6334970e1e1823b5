"""Pixels of images on disk, ours or other scripts': read, summed, made into uploads."""
