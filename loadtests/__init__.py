"""Locust side: the only importers of locust and gevent."""
