"""Start the page; Hugging Face Spaces runs this file."""

from dmfa_demo.app.page import launch

if __name__ == "__main__":
    launch()
