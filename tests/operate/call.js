// One call with a trace of the caller's.
//
//   node call.js <gRPC target> <service/method, without embudo.> <request as JSON> <traceparent>
'use strict';

const fs = require('fs');
const path = require('path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [target, method, request, traceparent] = process.argv.slice(2);
const definition = loader.loadFileDescriptorSetFromBuffer(
  fs.readFileSync(path.join(__dirname, 'release/api.binpb')), {keepCase: true, longs: String, enums: String});
const [service, name] = method.split('/');
const Client = service.split('.').reduce((at, part) => at[part], grpc.loadPackageDefinition(definition).embudo);
const headers = new grpc.Metadata();
headers.set('x-embudo-tenant', process.env.EMBUDO_TENANT);
headers.set('x-embudo-actor', 'users/admin');
headers.set('x-embudo-roles', 'admin');
headers.set('traceparent', traceparent);
const client = new Client(target, grpc.credentials.createInsecure());
client[name](JSON.parse(request), headers, {deadline: Date.now() + 20000}, (error, answer) => {
  if (error) {
    console.error(`${grpc.status[error.code]}: ${error.details}`);
    process.exit(1);
  }
  console.log(JSON.stringify(answer));
  client.close();
});
