// A number of equal calls, for the measurement of what one costs.
//
//   node cost.js <gRPC target> create|get|update|list <count> <file with names of leads> [calls at once]
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [target, what, count, file, atOnce = '16'] = process.argv.slice(2);
const definition = loader.loadFileDescriptorSetFromBuffer(
  fs.readFileSync(path.join(__dirname, 'release/api.binpb')),
  {keepCase: true, longs: String, enums: String, arrays: true, oneofs: true});
const {LeadService} = grpc.loadPackageDefinition(definition).embudo.pipeline.v1;
const client = new LeadService(target, grpc.credentials.createInsecure());
const headers = new grpc.Metadata();
headers.set('x-embudo-tenant', process.env.EMBUDO_TENANT);
headers.set('x-embudo-actor', 'users/admin');
headers.set('x-embudo-roles', 'admin');

const names = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim().split('\n') : [];
const made = [];
const one = i => names[i * 7919 % names.length];
const requests = {
  create: i => ['CreateLead', {
    lead: {display_name: `Deal ${i}`, email: `p${i}.${process.pid}@example${i % 500}.com`, company_name: `Company ${i % 500}`,
      contact_name: `Ada ${i}`, phone: `+4930${1000000 + i}`,
      expected_revenue: {currency_code: 'USD', units: 100 + i % 9000}},
    request_id: crypto.randomUUID(),
  }],
  get: i => ['GetLead', {name: one(i)}],
  update: i => ['UpdateLead', {
    lead: {name: one(i), pain: `pain ${i}`}, update_mask: {paths: ['pain']}, request_id: crypto.randomUUID(),
  }],
  list: i => ['ListLeads', {page_size: 50, filter: `expected_revenue > ${i % 8000}`, order_by: 'create_time desc'}],
};

let next = 0;
async function work() {
  while (next < Number(count)) {
    const [method, request] = requests[what](next++);
    const answer = await new Promise((resolve, reject) => client[method](
      request, headers, {deadline: Date.now() + 30000}, (error, value) => error ? reject(error) : resolve(value)));
    if (what === 'create') made.push(answer.name);
  }
}
Promise.all(Array.from({length: Number(atOnce)}, work)).then(() => {
  if (made.length > 0) fs.appendFileSync(file, made.join('\n') + '\n');
  client.close();
});
