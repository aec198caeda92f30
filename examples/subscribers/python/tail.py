"""Follows the events and keeps its own place in a file: python3 tail.py CURSOR_FILE [FILTER]"""

import os
import sys

from subscriber import HEARTBEAT_SECONDS, client, follow, messages


def handle(event):
    """What a subscriber is for. It may see an event a second time: after a crash, those since the last cursor kept."""
    print(event.id, event.type, event.subject, flush=True)


def main(cursor_file, filter_=""):
    def first():
        request = messages.TailRequest()
        request.start.filter = filter_
        request.start.heartbeat_seconds = HEARTBEAT_SECONDS
        if os.path.exists(cursor_file):
            with open(cursor_file, encoding="ascii") as file:
                request.start.cursor = file.read()
        else:
            request.start.position = messages.TailStart.POSITION_EARLIEST
        request.credit.events = 100
        return request

    def keep(cursor):
        """The old cursor or the new one, never half of one."""
        with open(cursor_file + ".new", "w", encoding="ascii") as file:
            file.write(cursor)
        os.replace(cursor_file + ".new", cursor_file)

    def take(message, answer):
        for event in message.events:
            handle(event)
        # Of every message, heartbeats too: the cursor moves on while the filter matches nothing.
        if message.cursor:
            keep(message.cursor)
        if message.events:
            answer(messages.TailRequest(credit=messages.Credit(events=len(message.events))))

    follow(client.Tail, first, take)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python3 tail.py CURSOR_FILE [FILTER]")
    main(*sys.argv[1:])
