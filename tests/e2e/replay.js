// Applies the events of a lead, one JSON object a line on standard input, in order to an empty record, by what each says
// has changed, and prints the record: node tests/e2e/replay.js leads/{lead}
//
// Fails where an event tells another value before its change than the record has, or events are out of order.
const subject = process.argv[2];
const events = require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean).map(JSON.parse);
const snake = (path) => path.replace(/[A-Z]/g, (letter) => '_' + letter.toLowerCase());
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

let lead = {};
let position = -1;
for (const event of events.filter((e) => e.subject === subject)) {
  if (Number(event.position) <= position) throw new Error(`${event.type} at ${event.position} comes after ${position}`);
  position = Number(event.position);
  const after = event.data.lead;
  const paths = event.changed_fields?.split(',').map((path) => snake(path.split('.')[0])) ?? Object.keys(after);
  for (const path of new Set([...paths, 'etag', 'update_time'])) {
    const told = event.previous?.lead[path];
    if (event.previous && paths.includes(path) && !same(told, lead[path])) {
      throw new Error(`${event.type}: ${path} was ${JSON.stringify(told)}, not ${JSON.stringify(lead[path])}`);
    }
    if (after[path] === undefined) delete lead[path];
    else lead[path] = after[path];
  }
}
const sorted = (record) => Object.fromEntries(Object.keys(record).sort().map((key) => [key, record[key]]));
console.log(JSON.stringify(sorted(lead)));
