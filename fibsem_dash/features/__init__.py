"""Key points of images and their matches."""

from fibsem_dash.features.matching import Matches, match_keypoints
from fibsem_dash.features.sift import KeyPoints, extract_keypoints

__all__ = ["KeyPoints", "Matches", "extract_keypoints", "match_keypoints"]
