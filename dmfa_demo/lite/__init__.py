"""The light page: the canvas and the models in the visitor's own browser, without a server."""
