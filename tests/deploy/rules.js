// What every manifest of ours must have, beside being well-formed.
const services = ['pipeline', 'capture', 'scoring', 'automation', 'reporting'];

const nameOf = o => `${o.kind}/${o.metadata.name}`;
const podOf = o => (o.spec && o.spec.template && o.spec.template.spec) || null;
const byKind = (objects, kind) => objects.filter(o => o.kind === kind);
const ours = o => (o.metadata.labels || {})['app.kubernetes.io/part-of'] === 'embudo';
const selects = (selector, labels) =>
  Object.entries(selector.matchLabels || selector || {}).every(([k, v]) => labels[k] === v) &&
  (selector.matchExpressions || []).every(e => e.operator === 'In' && e.values.includes(labels[e.key]));
const environment = container => Object.fromEntries((container.env || []).map(e => [e.name, e.value]));

function checkPod(o) {
  const wrong = [];
  const must = (holds, what) => holds || wrong.push(`${nameOf(o)}: ${what}`);
  const pod = podOf(o);
  const context = pod.securityContext || {};
  must(pod.automountServiceAccountToken === false, 'mounts a service account token');
  must(context.runAsNonRoot === true && context.runAsUser > 0, 'may run as root');
  must((context.seccompProfile || {}).type === 'RuntimeDefault', 'has no seccomp profile');
  const mountable = new Set((pod.volumes || []).map(v => v.name));
  for (const c of pod.containers) {
    const s = c.securityContext || {};
    must(s.readOnlyRootFilesystem === true, `${c.name}: the root file system is writable`);
    must(s.allowPrivilegeEscalation === false, `${c.name}: privileges may grow`);
    must(((s.capabilities || {}).drop || []).includes('ALL'), `${c.name}: capabilities are not dropped`);
    const r = c.resources || {};
    must(r.requests && r.requests.cpu && r.requests.memory, `${c.name}: requests are missing`);
    must(r.limits && r.limits.memory && !r.limits.cpu, `${c.name}: wants a limit of memory, and none of CPU`);
    must(!/:latest$/.test(c.image) && /:/.test(c.image.replace(/^[^/]*\//, '')), `${c.name}: ${c.image} has no tag`);
    for (const m of c.volumeMounts || []) must(mountable.has(m.name), `${c.name}: mounts ${m.name}, which is no volume`);
  }
  return wrong;
}

// The time that a pod gets to end covers what it does then.
function checkDrain(o, config) {
  const milliseconds = Number(config.EMBUDO_DRAIN_NOTICE_MS) + Number(config.EMBUDO_DRAIN_GRACE_MS);
  const grace = podOf(o).terminationGracePeriodSeconds;
  const probe = podOf(o).containers[0].readinessProbe;
  const wrong = [];
  if (!(grace * 1000 >= milliseconds + 10000)) wrong.push(`${nameOf(o)}: ${grace} s to end, drain takes ${milliseconds} ms`);
  if (probe.periodSeconds * 1000 > Number(config.EMBUDO_DRAIN_NOTICE_MS)) {
    wrong.push(`${nameOf(o)}: readiness is asked too rarely to be seen before calls are refused`);
  }
  return wrong;
}

function checkDeployment(o, objects, config) {
  const wrong = checkPod(o).concat(checkDrain(o, config));
  const must = (holds, what) => holds || wrong.push(`${nameOf(o)}: ${what}`);
  const pod = podOf(o);
  const service = o.metadata.labels['app.kubernetes.io/name'];
  const container = pod.containers[0];
  const ports = Object.fromEntries(container.ports.map(p => [p.name, p.containerPort]));
  const tls = Boolean(config.EMBUDO_TLS_CERTIFICATE);
  for (const name of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
    const probe = container[name] || {};
    const asks = name === 'readinessProbe' ? 'readiness' : 'liveness';
    if (tls) {
      must(probe.httpGet && probe.httpGet.port === 'metrics' && !probe.grpc, `${name}: behind TLS it must ask the metrics port`);
      must((probe.httpGet || {}).path === (asks === 'readiness' ? '/readyz' : '/healthz'), `${name}: a wrong path`);
    } else {
      must(probe.grpc && probe.grpc.port === ports.grpc && probe.grpc.service === asks, `${name}: not gRPC ${asks}`);
    }
  }
  must(pod.topologySpreadConstraints.length === 2, 'is not spread over zones and hosts');
  const rolling = o.spec.strategy.rollingUpdate;
  must(rolling.maxUnavailable === 0 && rolling.maxSurge === 1, 'an upgrade takes pods away before it adds any');
  must(selects(o.spec.selector, o.spec.template.metadata.labels), 'does not select its own pods');
  const found = byKind(objects, 'Service').find(s => s.metadata.name === `embudo-${service}`);
  must(found && found.spec.clusterIP === 'None', 'has no headless service');
  for (const p of (found || {spec: {ports: []}}).spec.ports) {
    must(ports[p.targetPort] === p.port, `port ${p.name} of its service is not the container's`);
  }
  const target = config[`EMBUDO_${service.toUpperCase()}`];
  must(target === `dns:///embudo-${service}:${ports.grpc}`, `others call it at ${target}`);
  return wrong;
}

// Every pod is named by a policy, and once policies are there, deny-all is one of them.
function checkPolicies(objects) {
  const policies = byKind(objects, 'NetworkPolicy');
  if (policies.length === 0) return [];
  const wrong = [];
  const deny = policies.find(p => p.metadata.name === 'embudo-deny-all');
  if (!deny || deny.spec.ingress || deny.spec.egress || deny.spec.policyTypes.length !== 2) {
    wrong.push('NetworkPolicy/embudo-deny-all: does not deny everything');
  }
  for (const o of objects.filter(x => podOf(x) && ours(x))) {
    if (!deny || !selects(deny.spec.podSelector, o.spec.template.metadata.labels)) {
      wrong.push(`${nameOf(o)}: deny-all does not reach its pods`);
    }
  }
  const ports = new Set(byKind(objects, 'Deployment').filter(ours)
    .flatMap(d => podOf(d).containers[0].ports.map(p => p.containerPort)));
  for (const p of policies) {
    for (const rule of p.spec.ingress || []) {
      if (!rule.from || rule.from.length === 0) wrong.push(`${nameOf(p)}: lets everybody in`);
      for (const port of rule.ports || []) {
        if (!ports.has(port.port)) wrong.push(`${nameOf(p)}: nobody listens on ${port.port}`);
      }
    }
  }
  return wrong;
}

// What names a Deployment names one that is there, and every service has one where any has.
function checkCompanions(objects) {
  const wrong = [];
  const deployments = byKind(objects, 'Deployment').filter(ours);
  for (const o of objects.filter(x => ['HorizontalPodAutoscaler', 'ScaledObject'].includes(x.kind))) {
    const found = deployments.find(d => d.metadata.name === o.spec.scaleTargetRef.name);
    if (!found) wrong.push(`${nameOf(o)}: scales ${o.spec.scaleTargetRef.name}, which is not there`);
    else if ('replicas' in found.spec) wrong.push(`${nameOf(o)}: ${nameOf(found)} sets its replicas, too`);
  }
  const scaled = objects.filter(x => x.spec && x.spec.scaleTargetRef).map(x => x.spec.scaleTargetRef.name);
  for (const name of scaled) {
    if (scaled.filter(x => x === name).length > 1) wrong.push(`${name} is scaled by two`);
  }
  const budgets = byKind(objects, 'PodDisruptionBudget');
  for (const d of budgets.length > 0 ? deployments : []) {
    const labels = d.spec.template.metadata.labels;
    if (budgets.filter(b => selects(b.spec.selector, labels)).length !== 1) wrong.push(`${nameOf(d)}: wants one budget`);
  }
  return wrong;
}

// The configuration's generated map.
function configOf(objects) {
  const map = byKind(objects, 'ConfigMap').find(c => c.data.EMBUDO_POSTGRES);
  return map ? map.data : {};
}

// What is wrong with a built set of manifests.
function checkSet(objects) {
  const config = configOf(objects);
  const wrong = [];
  for (const s of services) {
    if (!objects.find(o => o.kind === 'Deployment' && o.metadata.name === `embudo-${s}`)) wrong.push(`no Deployment of ${s}`);
  }
  for (const o of objects.filter(ours)) {
    if (o.kind === 'Deployment') wrong.push(...checkDeployment(o, objects, config));
    if (o.kind === 'Job') wrong.push(...checkPod(o));
  }
  return wrong.concat(checkPolicies(objects), checkCompanions(objects));
}

module.exports = {checkSet, configOf, environment, services, byKind, ours, podOf};
