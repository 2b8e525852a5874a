"""The tests that verify a release. A red result here is the product doing its work."""
