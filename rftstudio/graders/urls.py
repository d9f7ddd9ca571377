"""Addresses of this room."""

from django.urls import path

from rftstudio.graders.views import builder, exchange, judges, listing, versions, word_lists

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
    path("w/<slug:slug>/judges/", judges.list_page, name="judges"),
    path("w/<slug:slug>/judges/new/", judges.create, name="judge_create"),
    path("w/<slug:slug>/judges/embedded/", judges.add_embedded, name="judge_add_embedded"),
    path("judges/<int:pk>/", judges.change, name="judge_change"),
    path("judges/<int:pk>/archive/", judges.archive, name="judge_archive"),
    path("judges/<int:pk>/ask/", judges.ask, name="judge_ask"),
    path("w/<slug:slug>/word-lists/", word_lists.list_page, name="lists"),
    path("w/<slug:slug>/word-lists/new/", word_lists.create, name="list_create"),
    path("word-lists/<int:pk>/", word_lists.detail, name="list_detail"),
    path("word-lists/<int:pk>/new-version/", word_lists.new_version, name="list_new_version"),
    path("word-lists/<int:pk>/rename/", word_lists.rename, name="list_rename"),
    path("word-lists/<int:pk>/archive/", word_lists.archive, name="list_archive"),
    path("word-lists/<int:pk>/versions/<int:number>/csv/", word_lists.download, name="list_download"),
    path("list-uploads/<int:pk>/", word_lists.upload_page, name="list_upload"),
    path("list-uploads/<int:pk>/save/", word_lists.upload_save, name="list_upload_save"),
    path("list-uploads/<int:pk>/give-up/", word_lists.upload_give_up, name="list_upload_give_up"),
]
