// An OpenTelemetry collector that writes each span as a line of JSON.
//
//   node collector.js <port> <file>
'use strict';

const fs = require('fs');
const path = require('path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [port, file] = process.argv.slice(2);
const protos = path.join(__dirname, '../../node_modules/@opentelemetry/otlp-grpc-exporter-base/build/protos');
const definition = loader.loadSync('opentelemetry/proto/collector/trace/v1/trace_service.proto',
  {includeDirs: [protos], keepCase: true, longs: String, enums: String, arrays: true, oneofs: true});
const {TraceService} = grpc.loadPackageDefinition(definition).opentelemetry.proto.collector.trace.v1;

const server = new grpc.Server();
server.addService(TraceService.service, {
  Export: ({request}, answer) => {
    for (const resource of request.resource_spans) {
      const name = resource.resource.attributes.find(a => a.key === 'service.name').value.string_value;
      for (const span of resource.scope_spans.flatMap(scope => scope.spans)) {
        fs.appendFileSync(file, JSON.stringify({
          trace: span.trace_id.toString('hex'), span: span.span_id.toString('hex'),
          parent: span.parent_span_id.toString('hex'), service: name,
          kind: span.kind.replace('SPAN_KIND_', '').toLowerCase(), name: span.name,
        }) + '\n');
      }
    }
    answer(null, {});
  },
});
server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), error => {
  if (error) throw error;
});
