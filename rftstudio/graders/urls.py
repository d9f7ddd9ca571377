"""Addresses of this room."""

from django.urls import path

from rftstudio.graders.views import builder, exchange, listing, versions

app_name = "graders"
urlpatterns = [
    path("tasksets/<int:pk>/grader/", listing.open_grader, name="open"),
    path("tasksets/<int:pk>/graders/", listing.grader_list, name="list"),
    path("tasksets/<int:pk>/graders/new/", listing.create, name="create"),
    path("tasksets/<int:pk>/graders/import/", exchange.import_grader, name="import"),
    path("graders/<int:pk>/", builder.builder, name="builder"),
    path("graders/<int:pk>/live/", builder.live, name="live"),
    path("graders/<int:pk>/trial/", builder.trial, name="trial"),
    path("graders/<int:pk>/stored/", builder.stored, name="stored"),
    path("graders/<int:pk>/export/", exchange.export_grader, name="export"),
    path("graders/<int:pk>/export/openai.json", exchange.export_file, name="export_file"),
    path("graders/<int:pk>/rename/", listing.rename, name="rename"),
    path("graders/<int:pk>/use/", listing.use, name="use"),
    path("graders/<int:pk>/clone/", listing.clone, name="clone"),
    path("graders/<int:pk>/archive/", listing.archive, name="archive"),
    path("graders/<int:pk>/publish/", versions.publish, name="publish"),
    path("graders/<int:pk>/versions/", versions.version_list, name="versions"),
    path("graders/<int:pk>/versions/<int:number>/", versions.version, name="version"),
]
