// Every combination of the manifests is well-formed, has what it must have, and says of the programs what they say of
// themselves; and each of these checks finds what it is for.
const assert = require('node:assert');
const path = require('path');
const test = require('node:test');
const {all, build, kubernetes} = require('./combinations.js');
const {checkPrograms} = require('./programs.js');
const {checkSet, podOf} = require('./rules.js');
const {check} = require('./schema.js');

const bin = path.join(process.env.EMBUDO_BUILD || path.join(__dirname, '../../build'), 'bin');

const wrongIn = async objects => (await Promise.all(objects.map(check))).flat().concat(checkSet(objects));

test('every combination is well-formed and has what it must have', async () => {
  let count = 0;
  for (const [name, objects] of all()) {
    assert.deepStrictEqual(await wrongIn(objects), [], name);
    assert.deepStrictEqual(checkPrograms(objects, bin), [], name);
    ++count;
  }
  assert.ok(count >= 66, `${count} combinations`);
});

const production = build(path.join(kubernetes, 'overlays/production'));
const dev = build(path.join(kubernetes, 'overlays/dev'));
const copy = objects => structuredClone(objects);
const find = (objects, kind, name) => objects.find(o => o.kind === kind && o.metadata.name === name);

// Each breaks one thing; the check must tell it.
const mistakes = [
  ['an unknown field', dev, o => {
    podOf(find(o, 'Deployment', 'embudo-scoring')).containers[0].livenessProbe.grpc.prot = 1;
  }, /livenessProbe\.grpc\.prot: there is no such field/],
  ['a text for a number', dev, o => {
    find(o, 'Deployment', 'embudo-scoring').spec.replicas = 'two';
  }, /spec\.replicas: "two" is not a number/],
  ['an unknown field of an operator\'s resource', production, o => {
    find(o, 'ScaledObject', 'embudo-scoring').spec.maxReplicas = 3;
  }, /ScaledObject\/embudo-scoring\.spec\.maxReplicas: there is no such field/],
  ['a kind that is not there', dev, o => o.push({apiVersion: 'v1', kind: 'Pott', metadata: {name: 'x'}}),
    /v1 Pott is not known/],
  ['a pod that may run as root', dev, o => {
    podOf(find(o, 'Job', 'embudo-migrate')).securityContext.runAsNonRoot = false;
  }, /Job\/embudo-migrate: may run as root/],
  ['a writable root', dev, o => {
    podOf(find(o, 'Deployment', 'embudo-capture')).containers[0].securityContext.readOnlyRootFilesystem = false;
  }, /the root file system is writable/],
  ['too little time to drain', dev, o => {
    podOf(find(o, 'Deployment', 'embudo-capture')).terminationGracePeriodSeconds = 30;
  }, /30 s to end, drain takes 25000 ms/],
  ['a probe of another port', dev, o => {
    podOf(find(o, 'Deployment', 'embudo-reporting')).containers[0].readinessProbe.grpc.port = 7001;
  }, /readinessProbe: not gRPC readiness/],
  ['a gRPC probe behind TLS', production, o => {
    const container = podOf(find(o, 'Deployment', 'embudo-reporting')).containers[0];
    container.readinessProbe = {grpc: {port: 7005, service: 'readiness'}, periodSeconds: 2};
  }, /behind TLS it must ask the metrics port/],
  ['a service on another port', dev, o => {
    find(o, 'Service', 'embudo-scoring').spec.ports[0].port = 7009;
  }, /port grpc of its service is not the container's/],
  ['an image without a tag', dev, o => {
    podOf(find(o, 'Deployment', 'embudo-scoring')).containers[0].image = 'localhost/embudo';
  }, /has no tag/],
  ['a policy that lets everybody in', production, o => {
    find(o, 'NetworkPolicy', 'embudo-metrics').spec.ingress[0].from = [];
  }, /embudo-metrics: lets everybody in/],
  ['no deny-all', production, o => o.splice(o.indexOf(find(o, 'NetworkPolicy', 'embudo-deny-all')), 1),
    /does not deny everything/],
  ['replicas beside an autoscaler', production, o => {
    find(o, 'Deployment', 'embudo-pipeline').spec.replicas = 3;
  }, /sets its replicas, too/],
];
for (const [what, objects, breakIt, message] of mistakes) {
  test(`${what} is found`, async () => {
    const broken = copy(objects);
    breakIt(broken);
    assert.match((await wrongIn(broken)).join('\n'), message);
  });
}

test('a variable that no program knows is found, and a port that a program does not listen on', () => {
  const broken = copy(dev);
  broken.find(o => o.kind === 'ConfigMap' && o.data.EMBUDO_REDIS).data.EMBUDO_REDDIS = 'x';
  const container = podOf(find(broken, 'Deployment', 'embudo-scoring')).containers[0];
  container.env.find(e => e.name === 'EMBUDO_SCORING_LISTEN').value = '0.0.0.0:7999';
  const wrong = checkPrograms(broken, bin).join('\n');
  assert.match(wrong, /no program knows EMBUDO_REDDIS/);
  assert.match(wrong, /embudo-scoring: EMBUDO_SCORING_LISTEN is not port 7003/);
});
