"""The U-Net and its blocks, and the engines that compute networks."""
