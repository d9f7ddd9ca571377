"""Sign-in is required everywhere, said in the way the asker understands."""

from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase


class SignInRequired(LoginRequiredMiddleware):
    """A page is sent to the sign-in form; a fragment or a script gets a 401, never the form's markup."""

    def handle_no_permission(  # type: ignore[override]
        self, request: HttpRequest, view_func: Any
    ) -> HttpResponseBase:
        wants_page = "text/html" in request.headers.get("Accept", "text/html")
        if request.headers.get("HX-Request") or not wants_page:
            return HttpResponse("Sign in first.", status=401, content_type="text/plain")
        return super().handle_no_permission(request, view_func)
