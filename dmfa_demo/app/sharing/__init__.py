"""Links, prepared scenes, exports and previews."""
