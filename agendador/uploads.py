"""Files that come as a form's field `file`, or as the body itself."""

from flask import request


def content() -> bytes | None:
    """Return the present request's file; None for a form without the field."""
    if request.mimetype != "multipart/form-data":
        return request.get_data()
    file = request.files.get("file")
    if file is None:
        return None
    with file.stream:
        content: bytes = file.read()
    return content
