"""Addresses of this room."""

from django.urls import URLPattern, path, re_path

from rftstudio.evaluations import views

app_name = "evaluations"
urlpatterns: list[URLPattern] = [
    path("tasksets/<int:pk>/comparisons/", views.comparison_list, name="list"),
    path("runs/<int:pk>/compare/", views.compare, name="compare"),
    path("comparisons/<int:pk>/", views.detail, name="detail"),
    path("comparisons/<int:pk>/again/", views.again, name="again"),
    path("comparisons/<int:pk>/cancel/", views.cancel, name="cancel"),
    re_path(r"^comparisons/(?P<pk>[0-9]{1,18})/answers\.(?P<form>csv|jsonl)$", views.answers, name="answers"),
    path("answers/<int:pk>/wrong/", views.wrong, name="wrong"),
    path("answers/<int:pk>/calibrate/", views.calibrate, name="calibrate"),
]
