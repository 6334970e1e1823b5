"""Settings of the knobs that are asked for, by which the questions are tested."""

from __future__ import annotations

from typing import Any

#: Settings of each knob that must be told apart, and what else must be so for them to matter.
SETTINGS: dict[str, tuple[Any, ...]] = {
    "duplicates": ("same_operation", "refuse"),
    "duplicate_status": (409, 400),
    "cancel_of_finished": ("ok", "refuse"),
    "list_lag_s": ((0.0, 0.0), (4.0, 4.0)),
    "operation_order": ("newest_first", "oldest_first", "mixed"),
    "shifting_pages": (False, True),
    "longest_description": (100, 1000),
    "folder_children": ("BASIC", "FULL"),
    "listed_update_time": ("same", "earlier"),
    "patch_moves_time": (True, False),
    "odd_keys_patched": (False, True),
    "object_lag_s": ((0.0, 0.0), (4.0, 4.0)),
    "small_images_split": (True, False),
    "tile_joint": ("", "-"),
    "masked_float": (0.0, -1.5),
    "bucket_refusal_code": (7, 3),
    "bucket_refusal_message": ("no", "never"),
    "import_checks": ("call", "operation"),
    "missing_parent": ("call", "operation"),
    "mixed_types": ("call", "operation"),
    "mask_entries": ("one", "many"),
    "imported_index": ("new", "kept"),
    "imported_geo_column": ("geometry", "text"),
    "null_geometry": ("absent", "null"),
    "divided_by_zero": ("zero", "masked"),
    "difference_of_zeros": ("zero", "masked"),
    "even_medians": ("between", "lower"),
    "percentiles": ("between", "lower"),
    "convolutions": ("as_written", "turned"),
}
