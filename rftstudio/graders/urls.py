"""Addresses of this room."""

from django.urls import URLPattern

app_name = "graders"
urlpatterns: list[URLPattern] = []
