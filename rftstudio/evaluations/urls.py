"""Addresses of this room."""

from django.urls import URLPattern, path, re_path

from rftstudio.evaluations.views import comparison, readiness

app_name = "evaluations"
urlpatterns: list[URLPattern] = [
    path("tasksets/<int:pk>/readiness/", readiness.home, name="readiness"),
    path("readiness/<int:pk>/", readiness.detail, name="readiness_detail"),
    path("readiness/<int:pk>/cancel/", readiness.cancel, name="readiness_cancel"),
    path("readiness/<int:pk>/again/", readiness.again, name="readiness_again"),
    path("readiness/<int:pk>/apply/", readiness.apply, name="readiness_apply"),
    path("tasksets/<int:pk>/comparisons/", comparison.comparison_list, name="list"),
    path("runs/<int:pk>/compare/", comparison.compare, name="compare"),
    path("comparisons/<int:pk>/", comparison.detail, name="detail"),
    path("comparisons/<int:pk>/again/", comparison.again, name="again"),
    path("comparisons/<int:pk>/cancel/", comparison.cancel, name="cancel"),
    re_path(r"^comparisons/(?P<pk>[0-9]{1,18})/answers\.(?P<form>csv|jsonl)$", comparison.answers, name="answers"),
    path("answers/<int:pk>/wrong/", comparison.wrong, name="wrong"),
    path("answers/<int:pk>/calibrate/", comparison.calibrate, name="calibrate"),
]
