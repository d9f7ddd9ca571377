"""Stops an upload at the size limit while it is still coming in, without cutting the connection."""

from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

SLACK = 64 * 1024  # a multipart form's own lines and its small fields


class SizeLimit(FileUploadHandler):
    """The rest of an upload that is too large is read and thrown away; the page then says so."""

    def __init__(self, request: HttpRequest, limit: int | None = None) -> None:
        super().__init__(request)
        self.limit = settings.IMPORT_MAX_BYTES if limit is None else limit
        self.received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self.received += len(raw_data)
        if self.received > self.limit + SLACK:
            request: Any = self.request
            request.upload_too_large = True
            raise StopUpload(connection_reset=False)
        return raw_data

    def file_complete(self, file_size: int) -> UploadedFile | None:
        return None


def limited_to(request: HttpRequest, limit: int) -> None:
    """Refuse a larger body. Has to be called before anything reads it."""
    request.upload_handlers.insert(0, SizeLimit(request, limit))
