// What grew during a soak: a table of each process's memory, file descriptors, threads and connections at the first and
// the last sample, and the growth over the second half. Fails if that is more than noise.
//
//   node trend.js <samples: second,process,KiB,descriptors,threads,connections>
//
// The growth is the length of the second half times Theil and Sen's slope, the median of the slopes between all pairs of
// samples, which single peaks don't change.
'use strict';

const fs = require('fs');

const columns = [
  {title: 'memory, MiB', scale: 1 / 1024, most: Number(process.env.EMBUDO_SOAK_MIB || 8)},
  {title: 'file descriptors', scale: 1, most: 5},
  {title: 'threads', scale: 1, most: 2},
  {title: 'connections to PostgreSQL', scale: 1, most: 2},
];

function slope(points) {
  const slopes = [];
  for (let i = 0; i < points.length; i++) {
    for (let j = i + 1; j < points.length; j++) {
      if (points[j].x > points[i].x) slopes.push((points[j].y - points[i].y) / (points[j].x - points[i].x));
    }
  }
  slopes.sort((a, b) => a - b);
  return slopes.length === 0 ? 0 : slopes[Math.floor(slopes.length / 2)];
}

const lines = fs.readFileSync(process.argv[2], 'utf8').trim().split('\n').map(line => line.split(','));
const processes = [...new Set(lines.map(line => line[1]))];
const end = Number(lines[lines.length - 1][0]);
const seconds = end / 2;
let grown = lines.length < 20 * processes.length ? ['too few samples'] : [];
const row = cells => console.log(`| ${cells.join(' | ')} |`);
row(['process', 'what', 'first', 'middle', 'last', 'highest', 'growth in the second half']);
row(Array(7).fill('---'));
for (const name of processes) {
  const own = lines.filter(line => line[1] === name);
  columns.forEach(({title, scale, most}, column) => {
    const points = own.map(line => ({x: Number(line[0]), y: Number(line[2 + column]) * scale}));
    const half = points.filter(point => point.x >= end / 2);
    const growth = slope(half) * seconds;
    row([name, title, ...[points[0].y, half[0].y, points[points.length - 1].y, Math.max(...points.map(point => point.y)),
      growth].map(number => Number(number.toFixed(1)))]);
    if (growth > most) grown.push(`${name}: ${title} grew by ${growth.toFixed(1)}, ${most} are taken for noise`);
  });
}
for (const what of grown) console.log(`WRONG ${what}`);
process.exitCode = grown.length > 0 ? 1 : 0;
