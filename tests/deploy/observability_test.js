// Metrics have the names that operators' rules and dashboards know; alerts have tests, and a page that says what to do.
const assert = require('node:assert');
const {execFileSync} = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const test = require('node:test');
const yaml = require('js-yaml');
const {metricsOfSources} = require('./metrics.js');

const root = path.join(__dirname, '../..');
const read = file => fs.readFileSync(path.join(root, file), 'utf8');
const monitoring = 'deploy/kubernetes/components/monitoring';
const alerts = yaml.load(read(`${monitoring}/alerts.yaml`)).spec;
const alertNames = alerts.groups.flatMap(g => g.rules.map(r => r.alert)).sort();

const golden = read('tests/deploy/metrics.golden').trim().split('\n');

test('the metrics are those of metrics.golden: a name that goes is somebody\'s alert that goes silent', () => {
  assert.deepStrictEqual(metricsOfSources(), golden, 'node tests/deploy/metrics.js >tests/deploy/metrics.golden');
});

test('alerts, dashboards and autoscalers use metrics that there are', () => {
  const known = new Set(golden.flatMap(line => {
    const [name, kind] = line.split(' ');
    return kind === 'histogram' ? ['_bucket', '_sum', '_count'].map(suffix => name + suffix) : [name];
  }));
  const files = ['alerts.yaml', 'dashboards/overview.json', 'dashboards/events.json'].map(f => `${monitoring}/${f}`)
    .concat('deploy/kubernetes/components/event-autoscaling/scalers.yaml', 'deploy/prometheus/alerts_test.yaml');
  for (const file of files) {
    const used = read(file).match(/\bembudo_[a-z0-9_]+/g);
    assert.ok(used.length > 0, file);
    for (const name of used) assert.ok(known.has(name), `${file} uses ${name}`);
  }
});

test('every alert has a test, and every page in deploy/runbooks an alert', () => {
  const tested = yaml.load(read('deploy/prometheus/alerts_test.yaml')).tests;
  const fires = new Set(tested.flatMap(t => t.alert_rule_test).filter(t => t.exp_alerts.length > 0).map(t => t.alertname));
  const silent = new Set(tested.flatMap(t => t.alert_rule_test).filter(t => t.exp_alerts.length === 0).map(t => t.alertname));
  for (const name of alertNames) {
    assert.ok(fires.has(name), `no test in which ${name} fires`);
    assert.ok(silent.has(name), `no test in which ${name} is silent`);
  }
  const pages = fs.readdirSync(path.join(root, 'deploy/runbooks')).filter(f => f !== 'README.md');
  assert.deepStrictEqual(pages.map(f => f.replace(/\.md$/, '')).sort(), alertNames);
  for (const page of pages) {
    const text = read(`deploy/runbooks/${page}`);
    for (const heading of ['## What it means', '## Look', '## Do']) assert.ok(text.includes(heading), `${page}: ${heading}`);
  }
});

test('every step of a runbook was carried out somewhere, or says why not', () => {
  const steps = fs.readdirSync(path.join(root, 'deploy/runbooks')).filter(f => f !== 'README.md').flatMap(page =>
    [...read(`deploy/runbooks/${page}`).split('## Do')[1].matchAll(/^(\d+)\. /gm)].map(m => `${page.slice(0, -3)} ${m[1]}`));
  const lines = read('tests/operate/runbook_steps').split('\n').filter(line => line !== '' && !line.startsWith('#'));
  assert.deepStrictEqual(lines.map(line => line.split(' ').slice(0, 2).join(' ')).sort(), steps.sort());
  const scripts = new Set();
  for (const line of lines) {
    const [alert, , where] = line.split(' ');
    if (where === 'cluster' || where === 'elsewhere') continue;
    assert.ok(read(`tests/operate/${where}`).includes(alert), `${where} does not name ${alert}`);
    scripts.add(where);
  }
  const run = read('tests/operate/CMakeLists.txt');
  for (const script of scripts) assert.match(run, new RegExp(`\\b${script}\\b`), `${script} is no test`);
});

test('promtool takes the rules and their tests', () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'embudo-alerts-'));
  try {
    fs.writeFileSync(path.join(dir, 'rules.yaml'), yaml.dump(alerts, {lineWidth: -1}));
    fs.copyFileSync(path.join(root, 'deploy/prometheus/alerts_test.yaml'), path.join(dir, 'alerts_test.yaml'));
    execFileSync('promtool', ['check', 'rules', 'rules.yaml'], {cwd: dir});
    execFileSync('promtool', ['test', 'rules', 'alerts_test.yaml'], {cwd: dir});
  } finally {
    fs.rmSync(dir, {recursive: true});
  }
});
