"""Signing in and out, one-time links, invitations, members."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form whose CSRF token no longer fits: the page was open over a sign-out. Nothing typed is lost."""
    return render(request, "accounts/expired.html", {"reason": reason}, status=403)
