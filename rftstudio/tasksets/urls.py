"""Addresses of this room."""

from django.urls import URLPattern

app_name = "tasksets"
urlpatterns: list[URLPattern] = []
