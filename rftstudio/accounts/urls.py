"""Addresses of this room."""

from django.urls import path

from rftstudio.accounts import views

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("welcome/<str:token>/", views.link, name="link"),
    path("invitations/<str:token>/", views.invitation, name="invitation"),
    path("account/", views.profile, name="profile"),
    path("account/password/", views.password, name="password"),
    path("w/<slug:slug>/people/", views.people, name="people"),
    path("w/<slug:slug>/settings/", views.workspace, name="workspace"),
    path("members/<int:pk>/role/", views.member_role, name="member_role"),
    path("members/<int:pk>/remove/", views.member_remove, name="member_remove"),
    path("open-invitations/<int:pk>/withdraw/", views.invitation_withdraw, name="invitation_withdraw"),
]
