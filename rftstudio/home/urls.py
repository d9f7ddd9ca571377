"""Addresses of this room."""

from django.urls import path

from rftstudio.home import views

app_name = "home"
urlpatterns = [
    path("", views.home, name="home"),
    path("w/<slug:slug>/", views.workspace, name="workspace"),
    path("w/<slug:slug>/samples/<slug:sample>/", views.open_sample, name="open_sample"),
    path("status/", views.status, name="status"),
    path("manual/", views.manual, name="manual"),
    path("manual/<path:page>/", views.manual, name="manual_page"),
]
