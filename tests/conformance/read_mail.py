"""Reads mails with the email package of Python, for comparing: one JSON object a line for each file named."""
import email
import email.policy
import email.utils
import json
import sys


def text_of(part):
    payload = part.get_payload(decode=True)
    if payload is None:
        return ""
    charset = part.get_content_charset() or "us-ascii"
    try:
        return payload.decode(charset, "replace")
    except LookupError:
        return payload.decode("utf-8", "replace")


def texts(part, found):
    """The plain parts that are the body: not those attached, one of those that stand for each other."""
    kind = part.get_content_type()
    if part.is_multipart():
        if kind.startswith("message/"):
            return
        for child in part.get_payload():
            before = len(found)
            texts(child, found)
            if kind == "multipart/alternative" and len(found) > before:
                return
        return
    if kind == "text/plain" and part.get_content_disposition() != "attachment":
        if part.get_filename() and found:
            return
        found.append(text_of(part))


def read(path):
    with open(path, "rb") as file:
        message = email.message_from_binary_file(file, policy=email.policy.default)
    sender = ""
    if message["from"] is not None and message["from"].addresses:
        sender = message["from"].addresses[0].addr_spec
    date = message["date"].datetime if message["date"] is not None else None
    found = []
    texts(message, found)
    return {
        "sender": sender,
        "subject": str(message["subject"] or ""),
        "date": date.timestamp() if date is not None else None,
        "message_id": str(message["message-id"] or ""),
        "text": "\n".join(found),
        "has_text": bool(found),
    }


def valid(value):
    """Bytes that are of no charset come as lone surrogates, which JSON can't have."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


for name in sys.argv[1:]:
    try:
        answer = read(name)
    except Exception as error:  # what it can't read is no yardstick
        answer = {"error": repr(error)}
    sys.stdout.write(json.dumps({"file": name, **{key: valid(value) for key, value in answer.items()}}) + "\n")
