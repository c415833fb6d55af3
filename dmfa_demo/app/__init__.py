"""The page, which imports `dmfa_demo` but never `train`."""
