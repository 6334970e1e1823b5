"""``… URL PROJECT FOLDER COLLECTION COUNT``: downloads the images of a collection with edown."""

import sys
from pathlib import Path

from edown import AOI, DownloadConfig, download_images

url, _, folder, collection, _count = sys.argv[1:6]
config = DownloadConfig(
    collection_id=collection,
    start_date="2022-12-31",
    end_date="2024-12-31",
    aoi=AOI.from_bbox((8.0, 46.0, 9.5, 47.0)),
    bands=("B4",),
    server_url=url,
    output_root=Path(folder),
)
print(download_images(config))
