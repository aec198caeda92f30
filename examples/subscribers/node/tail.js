// Follows the events and keeps its own place in a file: node tail.js CURSOR_FILE [FILTER]
"use strict";

const fs = require("fs");
const { follow, HEARTBEAT_SECONDS } = require("./subscriber");

const [cursorFile, filter = ""] = process.argv.slice(2);
if (!cursorFile) {
  console.error("usage: node tail.js CURSOR_FILE [FILTER]");
  process.exit(2);
}

// What a subscriber is for. It may see an event a second time: after a crash, those since the last cursor kept.
function handle(event) {
  console.log(`${event.id} ${event.type} ${event.subject}`);
}

function first() {
  const cursor = fs.existsSync(cursorFile) ? fs.readFileSync(cursorFile, "utf8") : "";
  const from = cursor ? { cursor } : { position: "POSITION_EARLIEST" };
  return {
    start: { ...from, filter, heartbeat_seconds: HEARTBEAT_SECONDS },
    credit: { events: 100 },
  };
}

// The old cursor or the new one, never half of one.
function keep(cursor) {
  fs.writeFileSync(`${cursorFile}.new`, cursor);
  fs.renameSync(`${cursorFile}.new`, cursorFile);
}

follow("Tail", first, (message, answer) => {
  message.events.forEach(handle);
  // Of every message, heartbeats too: the cursor moves on while the filter matches nothing.
  if (message.cursor) keep(message.cursor);
  if (message.events.length > 0) answer({ credit: { events: message.events.length } });
});
