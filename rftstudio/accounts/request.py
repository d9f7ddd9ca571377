"""What a view of a signed-in person is given, for the type checker: a request whose user is one of ours."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from rftstudio.accounts.models import User


class Request(HttpRequest):
    """A request after `LoginRequiredMiddleware` and `HtmxMiddleware`. Django never makes one of this class."""

    user: User
    htmx: HtmxDetails
