// An even load on the whole suite until SIGTERM: a number of leads a second, one in ten of them captured and one in twenty
// of the source `soak`; half as many moves, a fifth as many lists; one Tail of everything.
//
//   node soak_load.js <leads a second> <file for the figures>
//
// Who and where are said by the variables of the command line: EMBUDO_PIPELINE, EMBUDO_CAPTURE, EMBUDO_TENANT. It fails if
// a call failed, other than by being refused for want of room, if no lead was made, or if an event did not reach the Tail.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [rate, file] = [Number(process.argv[2]), process.argv[3]];
const root = path.resolve(__dirname, '../..');
const {pipeline, capture} = grpc.loadPackageDefinition(loader.loadSync(
  ['lead_service', 'event_service'].map(name => `embudo/pipeline/v1/${name}.proto`)
    .concat('embudo/capture/v1/capture_service.proto'),
  {includeDirs: [path.join(root, 'proto'), path.join(root, 'node_modules/google-proto-files')],
    keepCase: true, longs: String, enums: String, arrays: true})).embudo;
const connect = (Service, target) => new Service(target, grpc.credentials.createInsecure());
const leads = connect(pipeline.v1.LeadService, process.env.EMBUDO_PIPELINE);
const events = connect(pipeline.v1.EventService, process.env.EMBUDO_PIPELINE);
const captures = connect(capture.v1.CaptureService, process.env.EMBUDO_CAPTURE);
const headers = new grpc.Metadata();
headers.set('x-embudo-tenant', process.env.EMBUDO_TENANT);
headers.set('x-embudo-actor', 'users/admin');
headers.set('x-embudo-roles', 'admin');

const kTicksPerSecond = 10;
const kMostAtOnce = 100;
const kKept = 5000;  // names of leads, to be moved
const kStages = ['qualified', 'proposal', 'negotiation'].map(id => `pipelines/default/stages/${id}`);

const figures = {wanted: 0, created: 0, captured: 0, moved: 0, listed: 0, tailed: 0, streams: 0, refused: 0, failures: {}};
const names = [];
const unseen = new Set();
let atOnce = 0;
let stopping = false;

function call(client, method, request, then) {
  if (atOnce >= kMostAtOnce) return;
  atOnce++;
  client[method](request, headers, {deadline: Date.now() + 30000}, (error, answer) => {
    atOnce--;
    if (!error) return then(answer);
    if (error.code === grpc.status.RESOURCE_EXHAUSTED) return figures.refused++;  // the machine has no more to give
    const what = `${method} ${grpc.status[error.code]}: ${error.details}`;
    figures.failures[what] = (figures.failures[what] || 0) + 1;
  });
}

function makeLead() {
  const n = figures.wanted++;
  const lead = {display_name: `Deal ${n}`, company_name: `Company ${n % 50000}`, contact_name: `Ada ${n}`,
    email: `p${n}@company${n % 50000}.example`, source: n % 20 === 0 ? 'soak' : '',
    team: n % 20 === 0 ? 'teams/sales' : '', expected_revenue: {currency_code: 'USD', units: 100 + n % 9000}};
  const request_id = crypto.randomUUID();
  if (n % 10 === 1) {
    call(captures, 'CaptureLead', {lead, request_id}, () => figures.captured++);
  } else {
    call(leads, 'CreateLead', {lead, request_id}, answer => {
      // Its event may be there already.
      if (!unseen.delete(answer.name)) unseen.add(answer.name);
      names[figures.created++ % kKept] = answer.name;
    });
  }
}

const any = list => list[Math.floor(Math.random() * list.length)];
const moveLead = () => call(leads, 'MoveLead',
  {name: any(names), stage: any(kStages), override_reason: 'soak', request_id: crypto.randomUUID()},
  () => figures.moved++);
const listLeads = () => call(leads, 'ListLeads',
  {page_size: 50, filter: `expected_revenue > ${Math.floor(Math.random() * 8000)}`, order_by: 'create_time desc'},
  () => figures.listed++);

// Follows everything, by its cursor over the ends of streams.
let cursor = '';
function follow() {
  const stream = events.Tail(headers);
  figures.streams++;
  stream.on('data', response => {
    cursor = response.cursor || cursor;
    figures.tailed += response.events.length;
    for (const event of response.events) {
      const expected = event.type === 'lead.created' && event.origin !== 'ORIGIN_CAPTURE';
      if (expected && !unseen.delete(event.subject)) unseen.add(event.subject);
    }
    if (response.events.length > 0) stream.write({credit: {events: response.events.length}});
  });
  stream.on('error', () => {});  // status tells it, too
  stream.on('status', status => {
    if (stopping) return;
    if (status.code === grpc.status.OK) return follow();
    if (status.code === grpc.status.UNAVAILABLE) return setTimeout(follow, 1000);
    figures.failures[`Tail ${grpc.status[status.code]}`] = 1;
  });
  stream.write({start: cursor ? {cursor} : {position: 'POSITION_LATEST'}, credit: {events: 10000}});
  return stream;
}

// What is due by now: a tick that comes late makes up for it.
const start = Date.now();
const done = {leads: 0, moves: 0, lists: 0};
function due(what, perSecond, run) {
  const wanted = Math.floor((Date.now() - start) / 1000 * perSecond);
  for (; done[what] < wanted; done[what]++) run();
}
const ticker = setInterval(() => {
  due('leads', rate, makeLead);
  if (names.length < 20) return;
  due('moves', rate / 2, moveLead);
  due('lists', rate / 5, listLeads);
}, 1000 / kTicksPerSecond);
let stream = follow();

async function stop() {
  clearInterval(ticker);
  for (let i = 0; i < 300 && atOnce > 0; i++) await new Promise(resolve => setTimeout(resolve, 100));
  for (let i = 0; i < 300 && unseen.size > 0; i++) await new Promise(resolve => setTimeout(resolve, 100));
  stopping = true;
  figures.unseen = unseen.size;
  figures.seconds = Math.round((Date.now() - start) / 1000);
  fs.writeFileSync(file, JSON.stringify(figures, null, 1) + '\n');
  const failed = Object.keys(figures.failures).length > 0 || unseen.size > 0 ||
    figures.created === 0 || figures.captured === 0;
  process.exit(failed ? 1 : 0);
}
process.on('SIGTERM', stop);
