"""The endpoints and their cases as data, and what reads them."""
