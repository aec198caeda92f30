// Kubernetes manifests against the models of the official client: unknown fields, and values of a wrong kind. Resources
// of operators have their fields here.
const fs = require('fs');
const path = require('path');
const yaml = require('js-yaml');

const models = path.join(__dirname, '../../node_modules/@kubernetes/client-node/dist/gen/models');
const duration = /^([0-9]+(ms|s|m|h))+$/;

// The fields of the resources of operators that we use: a type, [type] for a list of it, {'*': type} for a map.
const labels = {'*': 'string'};
const specs = {
  ScaledObject: {
    scaleTargetRef: {apiVersion: 'string', kind: 'string', name: 'string'},
    minReplicaCount: 'number', maxReplicaCount: 'number', pollingInterval: 'number', cooldownPeriod: 'number',
    fallback: {failureThreshold: 'number', replicas: 'number'},
    triggers: [{type: 'string', metricType: 'string', metadata: labels}],
  },
  ServiceMonitor: {
    selector: {matchLabels: labels},
    endpoints: [{port: 'string', path: 'string', interval: 'duration', scrapeTimeout: 'duration'}],
  },
  PrometheusRule: {
    groups: [{name: 'string',
      rules: [{alert: 'string', expr: 'string', for: 'duration', labels: labels, annotations: labels}]}],
  },
  Certificate: {
    secretName: 'string', issuerRef: {kind: 'string', name: 'string'}, commonName: 'string', dnsNames: ['string'],
    usages: ['string'], duration: 'duration', renewBefore: 'duration',
    privateKey: {algorithm: 'string', size: 'number', rotationPolicy: 'string'},
  },
};
const operators = {
  'keda.sh/v1alpha1': ['ScaledObject'],
  'monitoring.coreos.com/v1': ['ServiceMonitor', 'PrometheusRule'],
  'cert-manager.io/v1': ['Certificate'],
};

// `apps/v1` Deployment → V1Deployment; `autoscaling/v2` HorizontalPodAutoscaler → V2HorizontalPodAutoscaler.
function modelName(apiVersion, kind) {
  const version = apiVersion.split('/').pop();
  return version[0].toUpperCase() + version.slice(1) + kind;
}

const loaded = new Map();
async function loadModel(name) {
  if (!loaded.has(name)) {
    const file = path.join(models, name + '.js');
    loaded.set(name, fs.existsSync(file) ? (await import(file))[name] : null);
  }
  return loaded.get(name);
}

const scalars = {
  string: v => typeof v === 'string', number: v => typeof v === 'number', boolean: v => typeof v === 'boolean',
  any: () => true, object: () => true, Date: v => typeof v === 'string',
  IntOrString: v => typeof v === 'string' || Number.isInteger(v),
};

// Walks a value that should be of the client's type; `where` is its path. Returns what is wrong.
async function checkModel(value, type, where) {
  const list = /^Array<(.*)>$/.exec(type);
  if (list) {
    if (!Array.isArray(value)) return [`${where}: not a list`];
    return (await Promise.all(value.map((v, i) => checkModel(v, list[1], `${where}[${i}]`)))).flat();
  }
  const map = /^\{ \[key: string\]: (.*?);? \}$/.exec(type);
  if (map) {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return [`${where}: not a map`];
    return (await Promise.all(Object.entries(value).map(([k, v]) => checkModel(v, map[1], `${where}.${k}`)))).flat();
  }
  if (scalars[type]) return scalars[type](value) ? [] : [`${where}: ${JSON.stringify(value)} is not a ${type}`];
  const model = await loadModel(type);
  if (!model) return [`${where}: the type ${type} is not known`];
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return [`${where}: not a ${type}`];
  const fields = new Map(model.getAttributeTypeMap().map(f => [f.baseName, f.type]));
  const found = await Promise.all(Object.entries(value).map(([k, v]) => fields.has(k) ?
    checkModel(v, fields.get(k), `${where}.${k}`) : [`${where}.${k}: there is no such field`]));
  return found.flat();
}

function checkFields(value, type, where) {
  if (type === 'duration') return duration.test(value) ? [] : [`${where}: ${value} is not a duration`];
  if (typeof type === 'string') return scalars[type](value) ? [] : [`${where}: ${JSON.stringify(value)} is not a ${type}`];
  if (Array.isArray(type)) {
    if (!Array.isArray(value)) return [`${where}: not a list`];
    return value.flatMap((v, i) => checkFields(v, type[0], `${where}[${i}]`));
  }
  if (value === null || typeof value !== 'object') return [`${where}: not a map`];
  return Object.entries(value).flatMap(([k, v]) => type[k] || type['*'] ?
    checkFields(v, type[k] || type['*'], `${where}.${k}`) : [`${where}.${k}: there is no such field`]);
}

// What is wrong with one manifest.
async function check(object) {
  const where = `${object.kind}/${object.metadata && object.metadata.name}`;
  if (operators[object.apiVersion] && operators[object.apiVersion].includes(object.kind)) {
    const {apiVersion, kind, metadata, spec, ...rest} = object;
    const more = Object.keys(rest).map(k => `${where}.${k}: there is no such field`);
    return [...await checkModel(metadata, 'V1ObjectMeta', `${where}.metadata`),
      ...checkFields(spec, specs[kind], `${where}.spec`), ...more];
  }
  const type = modelName(object.apiVersion, object.kind);
  if (!await loadModel(type)) return [`${where}: ${object.apiVersion} ${object.kind} is not known`];
  return checkModel(object, type, where);
}

const load = text => yaml.loadAll(text).filter(object => object);
module.exports = {check, load};
