// The client of EventService, made from the protos, and what every subscriber does: say who it is, and keep its stream
// open. Who and where are said by the variables of the command line: EMBUDO_PIPELINE, EMBUDO_TENANT …
"use strict";

const path = require("path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const HEARTBEAT_SECONDS = 10;
// No message for so long: the connection is dead, whatever TCP says.
const SILENCE_MS = 3 * HEARTBEAT_SECONDS * 1000;
const RETRY_MS = 1000;
const PASSES = [grpc.status.OK, grpc.status.UNAVAILABLE, grpc.status.CANCELLED];

const root = path.resolve(__dirname, "../../..");
const definition = loader.loadSync("embudo/pipeline/v1/event_service.proto", {
  includeDirs: [path.join(root, "proto"), path.join(root, "node_modules/google-proto-files")],
  keepCase: true,
  longs: String,
  enums: String,
  arrays: true,
  oneofs: true,
});
const { EventService } = grpc.loadPackageDefinition(definition).embudo.pipeline.v1;
const client = new EventService(process.env.EMBUDO_PIPELINE || "127.0.0.1:7001", grpc.credentials.createInsecure());

function metadata() {
  const headers = new grpc.Metadata();
  const token = process.env.EMBUDO_TOKEN;
  if (token) {
    headers.set("authorization", `Bearer ${token}`);
    return headers;
  }
  // What a server started with --dev-identity believes.
  headers.set("x-embudo-tenant", process.env.EMBUDO_TENANT || "demo");
  headers.set("x-embudo-actor", process.env.EMBUDO_ACTOR || "users/admin");
  headers.set("x-embudo-roles", process.env.EMBUDO_ROLES || "admin");
  return headers;
}

// Opens a stream (`Tail` or `Consume`) with what `first` makes and hands each message to `take`, with a function that
// answers. When the stream ends for a reason that passes, opens another.
function follow(method, first, take) {
  const stream = client[method](metadata());
  let silence;
  const alive = () => {
    clearTimeout(silence);
    silence = setTimeout(() => stream.cancel(), SILENCE_MS);
  };
  stream.on("data", (message) => {
    alive();
    take(message, (answer) => stream.write(answer));
  });
  stream.on("error", () => {}); // "status" tells it, too
  stream.on("status", (status) => {
    clearTimeout(silence);
    if (!PASSES.includes(status.code)) {
      console.error(`${grpc.status[status.code]}: ${status.details}`);
      process.exit(1);
    }
    setTimeout(() => follow(method, first, take), status.code === grpc.status.OK ? 0 : RETRY_MS);
  });
  alive();
  stream.write(first());
}

module.exports = { follow, HEARTBEAT_SECONDS };
