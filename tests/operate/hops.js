// Reads spans, as collector.js writes them, and answers a question about them.
//
//   node hops.js "<service> <kind> <end of the name>"   1 if there is such a span, else 0
//   node hops.js orphans                                spans whose parent is none of them
'use strict';

const spans = require('fs').readFileSync(0, 'utf8').trim().split('\n').filter(line => line).map(line => JSON.parse(line));
const [service, kind, name] = process.argv[2].split(' ');
if (service === 'orphans') {
  const known = new Set(spans.map(s => s.span));
  console.log(spans.filter(s => !known.has(s.parent)).length);
} else {
  console.log(spans.some(s => s.service === service && s.kind === kind && s.name.endsWith(name)) ? 1 : 0);
}
