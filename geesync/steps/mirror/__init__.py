"""An asset on its way home: discovered, downloaded, verified, and swept from the bucket."""
