"""The way back: what an asset is made of again, what of it cannot come back, and whether it did."""
