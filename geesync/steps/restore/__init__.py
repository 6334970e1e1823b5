"""An asset on its way back: its files uploaded, ingested once, compared, and tidied up after."""
