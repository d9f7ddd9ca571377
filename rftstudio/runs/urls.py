"""Addresses of this room."""

from django.urls import path

from rftstudio.runs.views import control, detail, evidence, export, follow, launch, lineup, listing, replay, timing

app_name = "runs"
urlpatterns = [
    path("w/<slug:slug>/runs/", listing.run_list, name="list"),
    path("w/<slug:slug>/runs/compare/", lineup.compare, name="compare"),
    path("w/<slug:slug>/models/<int:pk>/time/", timing.time_again, name="time"),
    path("tasksets/<int:pk>/launch/", launch.launch, name="launch"),
    path("tasksets/<int:pk>/launch/outlook/", launch.outlook, name="outlook"),
    path("runs/<int:pk>/", detail.detail, name="detail"),
    path("runs/<int:pk>/status/", detail.status, name="status"),
    path("runs/<int:pk>/points/", detail.points, name="points"),
    path("runs/<int:pk>/rollouts/", detail.rollouts, name="rollouts"),
    path("runs/<int:pk>/cancel/", control.cancel, name="cancel"),
    path("runs/<int:pk>/pause/", control.pause, name="pause"),
    path("runs/<int:pk>/resume/", control.resume, name="resume"),
    path("runs/<int:pk>/continue/", control.go_on, name="continue"),
    path("runs/<int:pk>/baseline/", control.baseline, name="baseline"),
    path("runs/<int:pk>/checkpoints/<int:step>/keep/", control.keep, name="keep"),
    path("runs/<int:pk>/files/<slug:name>/", detail.download, name="download"),
    path("runs/<int:pk>/metrics/", export.metrics, name="metrics"),
    path("runs/<int:pk>/item/", follow.item, name="item"),
    path("runs/<int:pk>/answers/", export.answers, name="answers"),
    path("runs/<int:pk>/tensorboard/", export.tensorboard, name="tensorboard"),
    path("runs/<int:pk>/calibrate/", evidence.calibrate_step, name="calibrate_step"),
    path("rollouts/<int:pk>/wrong/", evidence.wrong, name="wrong"),
    path("rollouts/<int:pk>/calibrate/", evidence.calibrate, name="calibrate"),
    path("graders/<int:pk>/replay/", replay.replays, name="replay"),
    path("replays/<int:pk>/", replay.report, name="replay_report"),
    path("replays/<int:pk>/again/", replay.again, name="replay_again"),
]
