"""Google's services, in our words: Earth Engine, Cloud Storage, and who we are to them."""
