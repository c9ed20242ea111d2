"""Test suites that other projects publish with their client libraries, run against our server."""
