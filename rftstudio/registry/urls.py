"""Addresses of this room."""

from django.urls import path

from rftstudio.registry.views import adding, listing

app_name = "registry"
urlpatterns = [
    path("w/<slug:slug>/models/", listing.model_list, name="models"),
    path("w/<slug:slug>/models/arriving/", adding.arriving, name="arriving"),
    path("w/<slug:slug>/models/from-hub/", adding.from_hub, name="from_hub"),
    path("w/<slug:slug>/models/fetch/", adding.fetch_model, name="fetch"),
    path("w/<slug:slug>/models/forget-token/", adding.forget_token, name="forget_token"),
    path("w/<slug:slug>/models/from-directory/", adding.from_directory, name="from_directory"),
    path("w/<slug:slug>/models/embedded/", adding.add_embedded, name="add_embedded"),
    path("w/<slug:slug>/models/<int:pk>/", listing.base, name="base"),
    path("w/<slug:slug>/models/<int:pk>/read/", listing.read_again, name="read_again"),
    path("w/<slug:slug>/models/<int:pk>/remove/", listing.remove, name="remove"),
    path("arrivals/<int:pk>/cancel/", adding.cancel, name="cancel"),
    path("arrivals/<int:pk>/again/", adding.again, name="again"),
    path("models/<int:pk>/", listing.tuned, name="tuned"),
    path("models/<int:pk>/download/", listing.download, name="download"),
]
