"""The mirror as a static STAC catalogue: documents and the links between them."""
