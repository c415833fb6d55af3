"""Links, prepared scenes, exports and link previews."""
