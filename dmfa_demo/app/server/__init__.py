"""The API, and what protects the server."""
