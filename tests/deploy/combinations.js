// Every overlay, and the base with every set of components that somebody may choose, built by kustomize.
const {execFileSync} = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const {load} = require('./schema.js');

const kubernetes = path.join(__dirname, '../../deploy/kubernetes');

function build(dir) {
  return load(execFileSync('kubectl', ['kustomize', dir], {encoding: 'utf8', maxBuffer: 1 << 26}));
}

// The base with some components, as an overlay of somebody's would have it. `files` are put among the manifests first.
function buildWith(components, files = {}) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'embudo-kustomize-'));
  const link = path.join(dir, 'kubernetes');
  fs.cpSync(kubernetes, link, {recursive: true});
  for (const [file, content] of Object.entries(files)) fs.writeFileSync(path.join(link, file), content);
  const overlay = path.join(link, 'overlays/test');
  fs.mkdirSync(overlay);
  fs.writeFileSync(path.join(overlay, 'kustomization.yaml'), JSON.stringify({
    apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', namespace: 'test',
    resources: ['../../base'], components: components.map(c => `../../components/${c}`),
    images: [{name: 'embudo', newTag: '1'}],
  }));
  try {
    return build(overlay);
  } finally {
    fs.rmSync(dir, {recursive: true});
  }
}

// [name, objects] of each.
function* all() {
  for (const overlay of fs.readdirSync(path.join(kubernetes, 'overlays'))) {
    yield [`overlay ${overlay}`, build(path.join(kubernetes, 'overlays', overlay))];
  }
  const components = fs.readdirSync(path.join(kubernetes, 'components'));
  for (let set = 0; set < 1 << components.length; ++set) {
    const chosen = components.filter((_, i) => set >> i & 1);
    yield [`base with ${chosen.join(', ') || 'nothing'}`, buildWith(chosen)];
  }
}

module.exports = {all, build, buildWith, kubernetes};
