"""What a grader has to show before it is published or trained with: an error that says where to look."""

from rftstudio.engine.errors import SpecError


class NotProven(SpecError):
    """Something speaks against this grader. page: name of the address to look at, arguments: what it takes."""

    def __init__(self, message: str, *, page: str, arguments: tuple[int, ...], link: str, path: str = "") -> None:
        super().__init__(message, path=path)
        self.page = page
        self.arguments = arguments
        self.link = link  # words of the link to that page
