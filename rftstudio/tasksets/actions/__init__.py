"""What can be done to task sets. Verbs, keyword-only; they check, change rows, and return the object."""

from rftstudio.tasksets.actions.define import archive_taskset, create_taskset, restore_taskset, update_taskset
from rftstudio.tasksets.actions.import_work import check_import, save_import
from rftstudio.tasksets.actions.imports import (
    cancel_import,
    map_import,
    receive_upload,
    restart_import,
    start_saving,
    undo_import,
)
from rftstudio.tasksets.actions.items import (
    add_items,
    delete_items,
    duplicate_item,
    restore_items,
    save_item,
    set_split,
)
from rftstudio.tasksets.actions.publish import propose_splits, publish_version

__all__ = [
    "add_items",
    "archive_taskset",
    "cancel_import",
    "check_import",
    "create_taskset",
    "delete_items",
    "duplicate_item",
    "map_import",
    "propose_splits",
    "publish_version",
    "receive_upload",
    "restart_import",
    "restore_items",
    "restore_taskset",
    "save_import",
    "save_item",
    "set_split",
    "start_saving",
    "undo_import",
    "update_taskset",
]
