// The gateway's configuration against the protos and the services: what it translates is what the API has, and goes where
// the services are. Envoy itself is not to be had here; names of its filters and fields are those of its v3 API.
const assert = require('node:assert');
const {execFileSync} = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const test = require('node:test');
const yaml = require('js-yaml');
const loader = require('@grpc/proto-loader');
const {buildWith} = require('./combinations.js');
const {check} = require('./schema.js');

const root = path.join(__dirname, '../..');
const folder = path.join(root, 'deploy/kubernetes/gateway');
const read = file => yaml.load(fs.readFileSync(path.join(folder, file), 'utf8'));
const temp = fs.mkdtempSync(path.join(os.tmpdir(), 'embudo-gateway-'));
test.after(() => fs.rmSync(temp, {recursive: true}));

const descriptors = path.join(temp, 'api.binpb');
execFileSync(path.join(root, 'deploy/kubernetes/make-descriptors'), [descriptors]);
const buf = path.join(root, 'node_modules/.bin/buf');
const api = JSON.parse(execFileSync(buf, ['convert', '--type', 'google.protobuf.FileDescriptorSet',
  `${path.join(root)}`, '--from', descriptors, '--to', '-#format=json'], {maxBuffer: 1 << 26, cwd: root}));

// Every method of ours, with its HTTP rules.
const verbs = ['get', 'put', 'post', 'delete', 'patch'];
const methods = api.file.filter(f => f.package.startsWith('embudo.')).flatMap(f => (f.service || []).flatMap(s =>
  s.method.map(m => {
    const rule = (m.options || {})['[google.api.http]'];
    return {service: `${f.package}.${s.name}`, name: m.name, input: m.inputType,
      rules: rule ? [rule, ...(rule.additionalBindings || [])] : []};
  })));
const messages = new Map(api.file.flatMap(f => {
  const found = [];
  const walk = (m, prefix) => {
    found.push([`${prefix}.${m.name}`, m]);
    for (const nested of m.nestedType || []) walk(nested, `${prefix}.${m.name}`);
  };
  for (const m of f.messageType || []) walk(m, f.package ? `.${f.package}` : '');
  return found;
}));

// What is wrong with a rule: the fields that its path and body name must be there.
function wrongWith(method, rule) {
  const verb = verbs.find(v => rule[v]);
  if (!verb || !rule[verb].startsWith('/v1/')) return [`${method.name}: no verb with a path under /v1/`];
  const wrong = [];
  for (const [, variable] of rule[verb].matchAll(/\{([^=}]+)/g)) {
    let type = method.input;
    for (const part of variable.split('.')) {
      const field = (messages.get(type) || {field: []}).field.find(f => f.name === part);
      if (!field) wrong.push(`${method.service}/${method.name}: there is no field ${variable}`);
      type = field && field.typeName;
    }
  }
  if (rule.body && rule.body !== '*' && !messages.get(method.input).field.some(f => f.name === rule.body)) {
    wrong.push(`${method.service}/${method.name}: there is no field ${rule.body}`);
  }
  return wrong;
}

// `GET /v1/leads/*`: two rules with the same one would be one too many.
const pattern = rule => {
  const verb = verbs.find(v => rule[v]);
  return `${verb.toUpperCase()} ${rule[verb].replace(/\{[^=}]+=([^}]+)\}/g, '$1').replace(/\{[^}]+\}/g, '*')}`;
};

const manager = config => config.static_resources.listeners[0].filter_chains[0].filters[0].typed_config;
const transcoder = config => manager(config).http_filters.map(f => f.typed_config)
  .find(c => c['@type'].endsWith('.GrpcJsonTranscoder'));

test('every rule is one method\'s, and names fields that there are', () => {
  const seen = new Map();
  for (const method of methods) {
    for (const rule of method.rules) {
      assert.deepStrictEqual(wrongWith(method, rule), []);
      assert.ok(!seen.has(pattern(rule)), `${pattern(rule)} is ${seen.get(pattern(rule))}'s and ${method.name}'s`);
      seen.set(pattern(rule), `${method.service}/${method.name}`);
    }
  }
  assert.ok(seen.size > 300, `${seen.size} rules`);
});

test('a wrong rule is found', () => {
  const method = methods.find(m => m.name === 'MoveLead');
  assert.deepStrictEqual(wrongWith(method, {post: '/v1/{nome=leads/*}:move', body: '*'}),
    ['embudo.pipeline.v1.LeadService/MoveLead: there is no field nome']);
  assert.deepStrictEqual(wrongWith(method, {post: '/v1/{name=leads/*}:move', body: 'lead'}),
    ['embudo.pipeline.v1.LeadService/MoveLead: there is no field lead']);
});

test('the descriptors load, with all that they need and the details of errors', () => {
  const loaded = loader.loadFileDescriptorSetFromBuffer(fs.readFileSync(descriptors));
  for (const method of methods) {
    assert.strictEqual(loaded[method.service][method.name].path, `/${method.service}/${method.name}`);
  }
  for (const detail of ['ErrorInfo', 'BadRequest', 'QuotaFailure', 'RetryInfo', 'PreconditionFailure', 'ResourceInfo']) {
    assert.ok(messages.has(`.google.rpc.${detail}`), detail);
  }
  // A ConfigMap holds a mebibyte.
  assert.ok(fs.statSync(descriptors).size < 700000);
});

for (const file of ['envoy.yaml', 'mtls/envoy.yaml']) {
  const config = read(file);
  test(`${file} translates every service that has a rule, and sends it where the service is`, () => {
    const want = [...new Set(methods.filter(m => m.rules.length > 0).map(m => m.service))].sort();
    assert.deepStrictEqual([...transcoder(config).services].sort(), want);
    assert.strictEqual(transcoder(config).proto_descriptor, '/etc/embudo-gateway/api.binpb');
    const routes = manager(config).route_config.virtual_hosts[0].routes;
    const clusters = new Map(config.static_resources.clusters.map(c => [c.name, c]));
    const base = yaml.loadAll(fs.readdirSync(path.join(folder, '../base')).filter(f => f.endsWith('.yaml'))
      .map(f => fs.readFileSync(path.join(folder, '../base', f), 'utf8')).join('\n---\n'));
    for (const service of want) {
      const route = routes.find(r => `/${service}/x`.startsWith(r.match.prefix));
      assert.ok(route, `no route to ${service}`);
      const cluster = clusters.get(route.route.cluster);
      assert.strictEqual(cluster.name, service.split('.')[1]);
      const {address, port_value: port} =
        cluster.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address;
      const target = base.find(o => o && o.kind === 'Service' && o.metadata.name === address);
      assert.ok(target && target.spec.ports.some(p => p.name === 'grpc' && p.port === port), `${address}:${port}`);
      assert.ok(Object.values(cluster.typed_extension_protocol_options)[0].explicit_http_config.http2_protocol_options);
    }
    assert.strictEqual(manager(config).http_filters.at(-1).name, 'envoy.filters.http.router');
  });
}

test('with certificates the configuration is the same but for them', () => {
  const secured = read('mtls/envoy.yaml');
  for (const cluster of secured.static_resources.clusters) {
    const tls = cluster.transport_socket.typed_config;
    const name = `embudo-${cluster.name}`;
    assert.strictEqual(tls.sni, name);
    assert.deepStrictEqual(tls.common_tls_context.validation_context.match_typed_subject_alt_names,
      [{san_type: 'DNS', matcher: {exact: name}}]);
    delete cluster.transport_socket;
  }
  assert.deepStrictEqual(secured, read('envoy.yaml'));
});

const minor = (/"minor": "(\d+)/.exec(execFileSync('sh', ['-c', 'kubectl version --client --output=json || true'],
  {encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore']})) || [])[1];
test('the manifests are well-formed', {skip: !(minor >= 21) && 'no kubectl of version 1.21 or newer'}, async () => {
  for (const [chosen, mounts] of [[['../gateway'], ['config']],
    [['mtls', '../gateway', '../gateway/mtls'], ['config', 'tls']]]) {
    const objects = buildWith(chosen, {'gateway/api.binpb': fs.readFileSync(descriptors)});
    assert.deepStrictEqual((await Promise.all(objects.map(check))).flat(), []);
    const pod = objects.find(o => o.kind === 'Deployment' && o.metadata.name === 'embudo-gateway').spec.template.spec;
    const map = objects.find(o => o.kind === 'ConfigMap' && o.metadata.name === pod.volumes[0].configMap.name);
    assert.deepStrictEqual(Object.keys({...map.data, ...map.binaryData}).sort(), ['api.binpb', 'envoy.yaml']);
    assert.strictEqual(map.data['envoy.yaml'].includes('transport_socket'), mounts.includes('tls'));
    assert.deepStrictEqual(pod.containers[0].volumeMounts.map(m => m.name), mounts);
    assert.deepStrictEqual(pod.volumes.map(v => v.name), mounts);
    assert.ok(pod.securityContext.runAsNonRoot && pod.containers[0].securityContext.readOnlyRootFilesystem);
    assert.match(pod.containers[0].image, /:.*v\d/);
  }
});
