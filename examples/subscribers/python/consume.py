"""Works through a subscription, whose place the server keeps: python3 consume.py SUBSCRIPTION"""

import sys

from subscriber import HEARTBEAT_SECONDS, client, follow, messages


def handle(event):
    """What a subscriber is for. It may see an event a second time: where its acknowledgement did not arrive."""
    print(event.id, event.type, event.subject, flush=True)


def main(subscription):
    def first():
        start = messages.ConsumeStart(subscription=f"subscriptions/{subscription}", heartbeat_seconds=HEARTBEAT_SECONDS)
        return messages.ConsumeRequest(start=start, credit=messages.Credit(events=100))

    def take(message, answer):
        if not message.deliveries:
            return
        dealt_with = messages.ConsumeRequest(credit=messages.Credit(events=len(message.deliveries)))
        for delivery in message.deliveries:
            try:
                handle(delivery.event)
                dealt_with.acks.append(delivery.event.id)
            except Exception as error:  # whatever it is, the other events go on
                # It comes again later, with the lead's next events behind it; after max_deliveries it is parked.
                nack = dealt_with.nacks.add(event_id=delivery.event.id, reason=str(error)[:1000])
                nack.action = messages.Nack.ACTION_RETRY
        answer(dealt_with)

    follow(client.Consume, first, take)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python3 consume.py SUBSCRIPTION")
    main(sys.argv[1])
