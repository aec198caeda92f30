// What the manifests say of the programs, against what the programs say of themselves: --help of each.
const {execFileSync} = require('child_process');
const {byKind, configOf, environment, ours, podOf} = require('./rules.js');

// The flags of a program: {variable: {flag, value}} with its default.
const told = new Map();
function flagsOf(program) {
  if (!told.has(program)) told.set(program, readFlags(program));
  return told.get(program);
}

function readFlags(program) {
  const help = execFileSync(program, ['--help'], {encoding: 'utf8'});
  const flags = {};
  // `  --listen TEXT=127.0.0.1:7001 (Env:EMBUDO_PIPELINE_LISTEN)`
  for (const [, flag, value, variable] of help.matchAll(/^ +(--[a-z-]+)\S*(?: [^=\n]*?(?:=(\S*))?)? \(Env:([A-Z_]+)\)$/gm)) {
    flags[variable] = {flag, value: value || ''};
  }
  return flags;
}

const portOf = address => Number(address.split(':').pop());

function checkPrograms(objects, bin) {
  const wrong = [];
  const config = configOf(objects);
  const known = new Set();
  for (const d of byKind(objects, 'Deployment').filter(ours)) {
    const container = podOf(d).containers[0];
    const name = container.command[0].replace('/usr/bin/', '');
    const flags = flagsOf(`${bin}/${name}`);
    Object.keys(flags).forEach(v => known.add(v));
    const own = environment(container);
    for (const variable of Object.keys(own).filter(v => v.startsWith('EMBUDO_'))) {
      if (!flags[variable]) wrong.push(`${name} knows no ${variable}`);
    }
    const ports = Object.fromEntries(container.ports.map(p => [p.name, p.containerPort]));
    const service = name.replace('embudo-', '').toUpperCase();
    const listens = {grpc: `EMBUDO_${service}_LISTEN`, metrics: `EMBUDO_${service}_METRICS_LISTEN`,
      http: `EMBUDO_${service}_${service === 'AUTOMATION' ? 'HOOK' : 'PUBLIC'}_HTTP_LISTEN`};
    for (const [port, number] of Object.entries(ports)) {
      const variable = listens[port];
      if (!own[variable] || portOf(own[variable]) !== number) wrong.push(`${name}: ${variable} is not port ${number}`);
      if (!flags[variable] || portOf(flags[variable].value) !== number) {
        wrong.push(`${name}: port ${port} differs from ${flags[variable] && flags[variable].value} of --help`);
      }
    }
  }
  for (const variable of Object.keys(config)) {
    if (!known.has(variable)) wrong.push(`no program knows ${variable} of the configuration`);
  }
  for (const job of byKind(objects, 'Job').filter(ours)) {
    const flags = flagsOf(`${bin}/${podOf(job).containers[0].command[0].replace('/usr/bin/', '')}`);
    if (!flags.EMBUDO_POSTGRES) wrong.push('embudo-migrate knows no EMBUDO_POSTGRES');
  }
  return wrong;
}

module.exports = {checkPrograms};
