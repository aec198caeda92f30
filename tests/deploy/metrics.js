// The metrics that the programs make, as their sources name them: `name kind`, sorted.
//
//   node tests/deploy/metrics.js >tests/deploy/metrics.golden     when a metric came, or went on purpose
'use strict';

const {execFileSync} = require('child_process');
const fs = require('fs');
const path = require('path');

const root = path.join(__dirname, '../..');
const kinds = {Counter: 'counter', Gauge: 'gauge', Latency: 'histogram'};

function metricsOfSources() {
  const list = (...options) => execFileSync('git', ['ls-files', ...options, 'common', 'services'],
    {cwd: root, encoding: 'utf8'}).split('\n');
  const sources = list().concat(list('-o', '--exclude-standard'));
  const found = new Set();
  for (const file of sources.filter(f => /\.(cc|h)$/.test(f) && !/_test\.cc$/.test(f))) {
    const text = fs.readFileSync(path.join(root, file), 'utf8');
    for (const [, kind, name] of text.matchAll(/\b(Counter|Gauge|Latency)\(\s*"(embudo_[a-z0-9_]+)"/g)) {
      found.add(`${name} ${kinds[kind]}`);
    }
  }
  return [...found].sort();
}

module.exports = {metricsOfSources};
if (require.main === module) console.log(metricsOfSources().join('\n'));
