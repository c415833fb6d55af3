"""Imputation of tables: the project's idea for rows of numbers and categories. Needs scikit-learn (`pip install -e ".[tables]"`)."""
