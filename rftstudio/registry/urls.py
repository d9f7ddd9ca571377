"""Addresses of this room."""

from django.urls import path

from rftstudio.registry import views

app_name = "registry"
urlpatterns = [
    path("w/<slug:slug>/models/", views.model_list, name="models"),
    path("models/<int:pk>/", views.tuned, name="tuned"),
    path("models/<int:pk>/download/", views.download, name="download"),
    path("w/<slug:slug>/models/<int:pk>/time/", views.time_again, name="time"),
]
