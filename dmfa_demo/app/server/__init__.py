"""The API and the protection of the server."""
