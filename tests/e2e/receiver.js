// A webhook that checks what it is sent: node receiver.js DIR
//
// It writes its port to DIR/port, and of each push a line to DIR/pushes: the event's id, the answer, how many signatures
// there were, and how many of them one of the secrets in DIR/secrets makes. What DIR/answer says is answered.
"use strict";

const crypto = require("crypto");
const fs = require("fs");
const http = require("http");

const dir = process.argv[2];
const read = (name) => fs.readFileSync(`${dir}/${name}`, "utf8").trim();

function made(secret, request, body) {
  const { "webhook-id": id, "webhook-timestamp": time } = request.headers;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  return `v1,${crypto.createHmac("sha256", key).update(`${id}.${time}.${body}`).digest("base64")}`;
}

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks).toString();
    const wanted = read("secrets").split("\n").map((secret) => made(secret, request, body));
    const signatures = request.headers["webhook-signature"].split(" ");
    const right = signatures.filter((signature) => wanted.includes(signature)).length;
    const fresh = Math.abs(Date.now() / 1000 - Number(request.headers["webhook-timestamp"])) < 300;
    const same = JSON.parse(body).id === request.headers["webhook-id"];
    const kind = request.headers["content-type"] === "application/cloudevents+json";
    const answer = fresh && same && kind ? Number(read("answer")) : 400;
    fs.appendFileSync(`${dir}/pushes`, `${request.headers["webhook-id"]} ${answer} ${signatures.length} ${right}\n`);
    response.writeHead(answer, answer === 503 ? { "retry-after": "1" } : {}).end("so says the receiver");
  });
});
server.listen(0, "127.0.0.1", () => fs.writeFileSync(`${dir}/port`, String(server.address().port)));
