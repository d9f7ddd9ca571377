"""Addresses of this room."""

from django.urls import path

from rftstudio.graders.views import builder, calibrate, cases, check, listing, objection, scoring, versions

app_name = "graders"
urlpatterns = [
    path("tasksets/<int:pk>/grader/", listing.open_grader, name="open"),
    path("tasksets/<int:pk>/graders/", listing.grader_list, name="list"),
    path("tasksets/<int:pk>/graders/new/", listing.create, name="create"),
    path("graders/<int:pk>/", builder.builder, name="builder"),
    path("graders/<int:pk>/live/", builder.live, name="live"),
    path("graders/<int:pk>/trial/", builder.trial, name="trial"),
    path("graders/<int:pk>/rename/", listing.rename, name="rename"),
    path("graders/<int:pk>/use/", listing.use, name="use"),
    path("graders/<int:pk>/clone/", listing.clone, name="clone"),
    path("graders/<int:pk>/archive/", listing.archive, name="archive"),
    path("graders/<int:pk>/publish/", versions.publish, name="publish"),
    path("graders/<int:pk>/versions/", versions.version_list, name="versions"),
    path("graders/<int:pk>/versions/<int:number>/", versions.version, name="version"),
    path("graders/<int:pk>/check/", check.check, name="check"),
    path("graders/<int:pk>/wrong/", objection.wrong, name="wrong"),
    path("graders/<int:pk>/cases/", cases.case_list, name="cases"),
    path("regression-cases/<int:pk>/change/", cases.change, name="case_change"),
    path("regression-cases/<int:pk>/retire/", cases.retire, name="case_retire"),
    path("graders/<int:pk>/calibration/", calibrate.sets, name="calibrate"),
    path("graders/<int:pk>/calibration/<int:set_pk>/", calibrate.result, name="calibration"),
    path("graders/<int:pk>/calibration/<int:set_pk>/mark/", calibrate.mark, name="calibration_mark"),
    path("graders/<int:pk>/calibration/<int:set_pk>/add/", calibrate.add, name="calibration_add"),
    path("graders/<int:pk>/calibration/<int:set_pk>/require/", calibrate.require, name="calibration_require"),
    path("graders/<int:pk>/calibration/<int:set_pk>/score/", scoring.score, name="score"),
    path("graders/<int:pk>/calibration-cases/<int:case_pk>/remove/", calibrate.remove, name="calibration_remove"),
]
