"""Messages in the shapes of WAHA's engines: the answer to a send, and the payload of an event."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trio_wa.simulator.options import Engine

ACK_NAMES = {-1: "ERROR", 0: "PENDING", 1: "SERVER", 2: "DEVICE", 3: "READ", 4: "PLAYED"}
MEDIA = frozenset({"sendImage", "sendFile", "sendVoice", "sendVideo"})


@dataclass(frozen=True, slots=True)
class Message:
    """A message on WhatsApp: raw `id`, its chat, and `me`, the account's own chat id."""

    id: str
    chat_id: str
    kind: str
    text: str | None
    at: float
    me: str
    from_me: bool = True

    @property
    def serialized(self) -> str:
        """The id with direction and chat, as NOWEB and WEBJS write it."""
        return f"{'true' if self.from_me else 'false'}_{self.chat_id}_{self.id}"


def answer_body(engine: Engine, message: Message) -> dict[str, Any]:
    """What the engine answers to a send."""
    match engine:
        case "NOWEB":
            if message.kind in ("sendPoll", "forwardMessage"):
                return {"id": message.serialized, **event_payload(message, 0, _noweb(message))}
            return _noweb(message)
        case "GOWS":
            return _gows(message)
        case "WEBJS":
            return _webjs(message)


def event_payload(message: Message, ack: int, data: Mapping[str, Any]) -> dict[str, Any]:
    """The payload of `message.any`, and what a look-up answers."""
    return {
        "id": message.serialized,
        "timestamp": int(message.at),
        "from": message.chat_id,
        "fromMe": message.from_me,
        "source": "api" if message.from_me else "app",
        "body": message.text,
        "hasMedia": message.kind in MEDIA,
        "media": None,
        "ack": ack,
        "ackName": ACK_NAMES[ack],
        "location": None,
        "vCards": None,
        "replyTo": None,
        "_data": data,
    }


def ack_payload(message: Message, ack: int) -> dict[str, Any]:
    """The payload of `message.ack`."""
    return {
        "id": message.serialized,
        "from": message.chat_id,
        "fromMe": message.from_me,
        "ack": ack,
        "ackName": ACK_NAMES[ack],
    }


def incoming_data(message: Message, push_name: str) -> dict[str, Any]:
    """The `_data` of an incoming message, as NOWEB gives it."""
    return {
        "key": {"remoteJid": message.chat_id, "fromMe": False, "id": message.id},
        "messageTimestamp": int(message.at),
        "pushName": push_name,
        "message": {"conversation": message.text},
        "status": 3,
    }


def _noweb(message: Message) -> dict[str, Any]:
    remote = message.chat_id
    if remote.endswith("@c.us"):
        remote = remote.removesuffix("@c.us") + "@s.whatsapp.net"
    return {
        "key": {"remoteJid": remote, "fromMe": True, "id": message.id},
        "message": {_NOWEB_CONTENT.get(message.kind, "extendedTextMessage"): _content(message)},
        "messageTimestamp": str(int(message.at)),
        "status": "PENDING",
    }


_NOWEB_CONTENT = {
    "sendImage": "imageMessage",
    "sendFile": "documentMessage",
    "sendVoice": "audioMessage",
    "sendVideo": "videoMessage",
    "sendPoll": "pollCreationMessageV3",
    "sendLocation": "locationMessage",
    "sendContactVcard": "contactMessage",
    "sendList": "listMessage",
}


def _content(message: Message) -> dict[str, Any]:
    name = {"sendText": "text", "forwardMessage": "text"}.get(message.kind, "caption")
    return {} if message.text is None else {name: message.text}


def _gows(message: Message) -> dict[str, Any]:
    identity = message.serialized
    if message.chat_id.endswith("@g.us"):
        identity += f"_{message.me}"
    return {
        **event_payload(message, 0, {}),
        "id": identity,
        "from": message.me,
        "to": message.chat_id,
        "_data": {"Info": {"ID": message.id, "Chat": message.chat_id, "IsFromMe": True}},
    }


def _webjs(message: Message) -> dict[str, Any]:
    identity = {
        "fromMe": True,
        "remote": message.chat_id,
        "id": message.id,
        "_serialized": message.serialized,
    }
    return {
        "_data": {"id": identity, "body": message.text, "ack": 0},
        "id": identity,
        "ack": 0,
        "hasMedia": message.kind in MEDIA,
        "body": message.text,
        "type": "chat",
        "timestamp": int(message.at),
        "from": message.me,
        "to": message.chat_id,
        "fromMe": True,
    }
