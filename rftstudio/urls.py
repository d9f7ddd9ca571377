"""Which room answers which address."""

from django.urls import include, path

urlpatterns = [
    path("", include("rftstudio.home.urls")),
    path("", include("rftstudio.accounts.urls")),
    path("", include("rftstudio.tasksets.urls")),
    path("", include("rftstudio.graders.urls")),
    path("", include("rftstudio.registry.urls")),
    path("", include("rftstudio.runs.urls")),
    path("", include("rftstudio.evaluations.urls")),
]
