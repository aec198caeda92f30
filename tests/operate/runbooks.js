// The queries of deploy/runbooks, for whoever wants to try them.
//
//   node runbooks.js sql        each statement of the pages, one a line
//   node runbooks.js promql     a file of rules with each expression
'use strict';

const fs = require('fs');
const path = require('path');

const dir = path.join(__dirname, '../../deploy/runbooks');
const sql = [];
const promql = [];
for (const page of fs.readdirSync(dir).sort()) {
  const look = fs.readFileSync(path.join(dir, page), 'utf8').split('## Look')[1];
  if (!look) continue;
  const lines = look.split('## Do')[0].split('\n').filter(line => line.startsWith('    ')).map(line => line.trim());
  let statement = null;
  for (const line of lines) {
    if (/^(SELECT|SHOW|UPDATE|DELETE)\b/.test(line)) statement = '';
    if (statement !== null) {
      statement += ' ' + line;
      if (line.endsWith(';')) {
        sql.push(statement.trim());
        statement = null;
      }
    } else if (!/^(--|kubectl|curl|redis-cli|embudo)/.test(line)) {
      promql.push(line.replace(/ +#.*/, ''));
    }
  }
}
// What stands for something of the reader's.
const filled = text => text.replace(/<job>/g, 'embudo-pipeline').replace(/<pid>/g, '0');
if (process.argv[2] === 'sql') {
  console.log(sql.map(filled).join('\n'));
} else {
  console.log('groups:\n- name: runbooks\n  rules:');
  promql.forEach((expr, i) => console.log(`  - record: r${i}\n    expr: ${JSON.stringify(filled(expr))}`));
}
