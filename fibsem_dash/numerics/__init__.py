"""Numerical parts that the analyses of one image and of two images share.

Checks of arguments, counting of grey levels, binning, smoothing, and rings of the Fourier plane.
"""
