"""The U-Net and its blocks."""
