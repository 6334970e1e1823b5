"""Downloads the images of a collection with edown."""

import sys
from pathlib import Path

from edown import AOI, DownloadConfig, download_images

url, _, folder = sys.argv[1:4]
config = DownloadConfig(
    collection_id="users/demo/scenes",
    start_date="2023-05-01",
    end_date="2023-05-03",
    aoi=AOI.from_bbox((8.4, 46.3, 8.7, 46.6)),
    bands=("B4",),
    server_url=url,
    output_root=Path(folder),
)
summary = download_images(config)
print(summary)
