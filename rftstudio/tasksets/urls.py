"""Addresses of this room."""

from django.urls import path

from rftstudio.tasksets.views import define, export, imports, item, items, versions

app_name = "tasksets"
urlpatterns = [
    path("w/<slug:slug>/tasksets/", define.taskset_list, name="list"),
    path("w/<slug:slug>/tasksets/new/", define.new, name="new"),
    path("w/<slug:slug>/tasksets/preview/", define.preview, name="preview_new"),
    path("tasksets/<int:pk>/", items.detail, name="detail"),
    path("tasksets/<int:pk>/edit/", define.edit, name="edit"),
    path("tasksets/<int:pk>/preview/", define.preview, name="preview"),
    path("tasksets/<int:pk>/archive/", define.archive, name="archive"),
    path("tasksets/<int:pk>/bulk/", items.bulk, name="bulk"),
    path("tasksets/<int:pk>/undo/", items.undo, name="undo"),
    path("tasksets/<int:pk>/items/new/", item.item_new, name="item_new"),
    path("tasksets/<int:taskset_pk>/items/preview/", item.preview, name="item_new_preview"),
    path("items/<int:pk>/", item.item, name="item"),
    path("items/<int:pk>/preview/", item.preview, name="item_preview"),
    path("items/<int:pk>/row/", items.row, name="item_row"),
    path("items/<int:pk>/duplicate/", items.duplicate, name="item_duplicate"),
    path("items/<int:pk>/delete/", items.delete, name="item_delete"),
    path("tasksets/<int:pk>/import/", imports.upload, name="import"),
    path("imports/<int:pk>/", imports.import_page, name="import_page"),
    path("imports/<int:pk>/save/", imports.import_save, name="import_save"),
    path("imports/<int:pk>/cancel/", imports.import_cancel, name="import_cancel"),
    path("imports/<int:pk>/restart/", imports.import_restart, name="import_restart"),
    path("imports/<int:pk>/undo/", imports.import_undo, name="import_undo"),
    path("tasksets/<int:pk>/export/", export.export, name="export"),
    path("tasksets/<int:pk>/publish/", versions.publish, name="publish"),
    path("tasksets/<int:pk>/versions/", versions.version_list, name="versions"),
    path("tasksets/<int:pk>/versions/<int:number>/", versions.version, name="version"),
]
