"""The kinds of message that carry a file, as callers send them."""

import base64
import binascii
import re
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from trio_wa.core import content
from trio_wa.intake.schemas import Body, Members, Mentions, NonEmpty

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MIMETYPE = re.compile(
    rf'{_WORD}/{_WORD}(?:[ \t]*;[ \t]*{_WORD}=(?:{_WORD}|"(?:[ !#-\[\]-~]|\\[ -~])*"))*'
)
_NOT_IN_A_NAME = re.compile(r"[/\\\x00-\x1f\x7f-\x9f]")
_MAX_URL = 2_048


def _decoded(data: object) -> bytes:
    """The bytes that base64 says."""
    if not isinstance(data, str):
        raise ValueError("must be a string of base64")  # noqa: TRY004 - a fault of the caller
    if data[:5].lower() == "data:":
        raise ValueError("must be base64 alone, without data:…;base64, before it")
    try:
        decoded = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(
            "is not base64: the standard alphabet, with padding and without blanks, is right"
        ) from None
    if not decoded:
        raise ValueError("must not be empty")
    return decoded


class FileMembers(Members):
    """A file: WAHA fetches it from `url`, or its `data` come along."""

    family: ClassVar[str | None] = None
    """What stands before the `/` in its mimetype; None: anything."""

    mimetype: str
    filename: NonEmpty | None = None
    url: Annotated[str, Field(max_length=_MAX_URL)] | None = None
    data: Annotated[bytes, BeforeValidator(_decoded)] | None = None

    @field_validator("mimetype")
    @classmethod
    def _fits(cls, mimetype: str) -> str:
        if not _MIMETYPE.fullmatch(mimetype):
            raise ValueError("must be a type such as application/pdf")
        if cls.family is not None and not mimetype.lower().startswith(f"{cls.family}/"):
            raise ValueError(f"must begin with {cls.family}/")
        return mimetype

    @field_validator("filename")
    @classmethod
    def _is_no_path(cls, filename: str | None) -> str | None:
        if filename is not None and _NOT_IN_A_NAME.search(filename):
            raise ValueError("must have no slash, backslash or control character")
        return filename

    @field_validator("url")
    @classmethod
    def _has_a_host(cls, url: str | None) -> str | None:
        if url is not None and not _is_address(url):
            raise ValueError("must be an address such as https://example.com/photo.jpg")
        return url

    @model_validator(mode="after")
    def _is_somewhere(self) -> "FileMembers":
        if (self.url is None) == (self.data is None):
            raise ValueError("must have either url or data")
        return self

    def content(self) -> content.File:
        """The file, without its data."""
        return content.File(self.mimetype, self.filename, self.url)


def _is_address(url: str) -> bool:
    if not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError if it is none
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


class ImageFile(FileMembers):
    """The file of an image."""

    family = "image"


class AudioFile(FileMembers):
    """The file of a voice note."""

    family = "audio"


class VideoFile(FileMembers):
    """The file of a video."""

    family = "video"


class MediaBody(Body):
    """What carries a file."""

    file: FileMembers

    def data(self) -> bytes | None:
        """The data of its file, if they came along."""
        return self.file.data


class ImageBody(MediaBody):
    """A picture."""

    type: Literal["image"]
    file: ImageFile
    caption: str | None = None
    mentions: Mentions | None = None
    reply_to: NonEmpty | None = None

    def content(self) -> content.Image:
        """The picture, without the data of its file."""
        mentions = tuple(self.mentions or ())
        return content.Image(self.file.content(), self.caption, mentions, self.reply_to)


class DocumentBody(MediaBody):
    """Any file."""

    type: Literal["file"]
    caption: str | None = None
    mentions: Mentions | None = None
    reply_to: NonEmpty | None = None

    def content(self) -> content.Document:
        """The file, without its data."""
        mentions = tuple(self.mentions or ())
        return content.Document(self.file.content(), self.caption, mentions, self.reply_to)


class VoiceBody(MediaBody):
    """A voice note."""

    type: Literal["voice"]
    file: AudioFile
    convert: bool | None = None
    reply_to: NonEmpty | None = None

    def content(self) -> content.Voice:
        """The voice note, without the data of its file."""
        return content.Voice(self.file.content(), self.convert, self.reply_to)


class VideoBody(MediaBody):
    """A video."""

    type: Literal["video"]
    file: VideoFile
    caption: str | None = None
    as_note: bool | None = None
    convert: bool | None = None
    mentions: Mentions | None = None
    reply_to: NonEmpty | None = None

    def content(self) -> content.Video:
        """The video, without the data of its file."""
        return content.Video(
            self.file.content(),
            self.caption,
            self.as_note,
            self.convert,
            tuple(self.mentions or ()),
            self.reply_to,
        )
