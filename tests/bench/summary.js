// What the runs of tests/bench/run come to: bench.md, the table; clients.dat and growth.dat, for plots.gp.
//
//   node tests/bench/summary.js <folder>
'use strict';

const fs = require('fs');
const path = require('path');

const folder = process.argv[2];
const read = file => JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8')).rows;
const write = (file, lines) => fs.writeFileSync(path.join(folder, file), lines.join('\n') + '\n');

// The files of a kind with the number in their names, by that number.
function runs(kind) {
  return fs.readdirSync(folder)
    .map(file => ({file, match: file.match(new RegExp(`^${kind}-(\\d+)\\.json$`))}))
    .filter(({match}) => match)
    .map(({file, match}) => ({number: Number(match[1]), rows: read(file)}))
    .sort((a, b) => a.number - b.number);
}

const columns = [['operation', 'what'], ['ours', 'ours'], ['unit', 'unit'], ['limit', 'limit'], ['ratio', 'ratio'],
  ['p50 ms', 'p50_ms'], ['p99 ms', 'p99_ms'], ['service µs', 'service_us'], ['PostgreSQL µs', 'postgres_us'],
  ['goal', 'goal'], ['Odoo 17', 'odoo'], ['the limit is', 'limit_is']];
const line = cells => `| ${cells.join(' | ')} |`;
write('bench.md', [line(columns.map(([title]) => title)), line(columns.map(() => '---')),
  ...[...read('bench.json'), ...read('memory.json')].map(row => line(columns.map(([, key]) => row[key] ?? '')))]);

write('clients.dat', ['clients calls/s p99_ms', ...runs('clients').map(({number, rows}) => {
  const create = rows.find(row => row.name === 'create_lead');
  return `${number} ${create.ours} ${create.p99_ms}`;
})]);

const operations = ['get_lead', 'list_leads', 'kanban', 'move_lead'];
write('growth.dat', [`leads ${operations.join(' ')}`, ...runs('growth').map(({number, rows}) =>
  [number, ...operations.map(name => rows.find(row => row.name === name).p50_ms)].join(' '))]);
