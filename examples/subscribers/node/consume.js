// Works through a subscription, whose place the server keeps: node consume.js SUBSCRIPTION
"use strict";

const { follow, HEARTBEAT_SECONDS } = require("./subscriber");

const [subscription] = process.argv.slice(2);
if (!subscription) {
  console.error("usage: node consume.js SUBSCRIPTION");
  process.exit(2);
}

// What a subscriber is for. It may see an event a second time: where its acknowledgement did not arrive.
function handle(event) {
  console.log(`${event.id} ${event.type} ${event.subject}`);
}

const first = () => ({
  start: { subscription: `subscriptions/${subscription}`, heartbeat_seconds: HEARTBEAT_SECONDS },
  credit: { events: 100 },
});

follow("Consume", first, (message, answer) => {
  if (message.deliveries.length === 0) return;
  const acks = [];
  const nacks = [];
  for (const { event } of message.deliveries) {
    try {
      handle(event);
      acks.push(event.id);
    } catch (error) {
      // It comes again later, with the lead's next events behind it; after max_deliveries it is parked.
      nacks.push({ event_id: event.id, action: "ACTION_RETRY", reason: String(error).slice(0, 1000) });
    }
  }
  answer({ acks, nacks, credit: { events: message.deliveries.length } });
});
