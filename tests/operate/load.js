// Calls without end, as a client of the last release makes them: its descriptors are in release/, not those of today.
//
//   node load.js <gRPC target> <file for the figures> [workers]
//
// Ends at SIGTERM. The figures: calls, failures by code (after the retries that docs/api.md asks of clients), and the
// leads whose creation was acknowledged. <file>.done is the number of calls answered well so far.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [target, file, workers = '4'] = process.argv.slice(2);

const definition = loader.loadFileDescriptorSetFromBuffer(
  fs.readFileSync(path.join(__dirname, 'release/api.binpb')),
  {keepCase: true, longs: String, enums: String, arrays: true, oneofs: true});
const {LeadService} = grpc.loadPackageDefinition(definition).embudo.pipeline.v1;
const client = new LeadService(target, grpc.credentials.createInsecure(), {
  'grpc.service_config': JSON.stringify({
    loadBalancingConfig: [{round_robin: {}}],
    methodConfig: [{
      name: [{service: ''}],
      retryPolicy: {maxAttempts: 5, initialBackoff: '0.1s', maxBackoff: '2s', backoffMultiplier: 2,
        retryableStatusCodes: ['UNAVAILABLE', 'CANCELLED']},
    }],
  }),
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
});
const headers = new grpc.Metadata();
headers.set('x-embudo-tenant', process.env.EMBUDO_TENANT || 'demo');
headers.set('x-embudo-actor', 'users/admin');
headers.set('x-embudo-roles', 'admin');

const figures = {calls: 0, failures: {}, leads: []};
let done = 0;
let stopping = false;
process.on('SIGTERM', () => { stopping = true; });

function call(method, request) {
  figures.calls++;
  return new Promise(resolve => {
    client[method](request, headers, {deadline: Date.now() + 20000}, (error, answer) => {
      if (error) {
        const code = grpc.status[error.code];
        figures.failures[code] = (figures.failures[code] || 0) + 1;
        console.error(`${method}: ${code}: ${error.details}`);
        return resolve(null);
      }
      done++;
      resolve(answer);
    });
  });
}

async function work(worker) {
  for (let i = 0; !stopping; ++i) {
    const lead = await call('CreateLead', {
      lead: {display_name: `Deal ${worker}/${i}`, expected_revenue: {currency_code: 'USD', units: 100 + i % 900}},
      request_id: crypto.randomUUID(),
    });
    if (!lead) continue;
    figures.leads.push(lead.name);
    const read = await call('GetLead', {name: lead.name});
    if (read && read.display_name !== `Deal ${worker}/${i}`) throw new Error(`${lead.name} has another's name`);
    await call('UpdateLead', {
      lead: {name: lead.name, pain: `pain ${i}`}, update_mask: {paths: ['pain']}, request_id: crypto.randomUUID(),
    });
    await call('ListLeads', {page_size: 5, filter: 'expected_revenue > 500'});
  }
}

const ticker = setInterval(() => fs.writeFileSync(`${file}.done`, String(done)), 100);
Promise.all(Array.from({length: Number(workers)}, (_, i) => work(i))).then(() => {
  clearInterval(ticker);
  fs.writeFileSync(file, JSON.stringify(figures));
  client.close();
});
