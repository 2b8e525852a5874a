"""The embedded reference backend: both implementations behind one flag. It imports nothing else of this project."""
