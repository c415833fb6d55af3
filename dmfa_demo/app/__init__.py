"""The page. It imports `dmfa_demo`, never `train`."""
