"""One list of scenarios for every client library: see `conformance/README.md`."""
