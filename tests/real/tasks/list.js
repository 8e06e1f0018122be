// SPDX-License-Identifier: Apache-2.0
// node list.js PORT: makes a list for each request, writes it as JSON, reads that, and answers with a sum; for /served
// with the number of requests. While its text is not its file's, but private copies, each takes SLOW percent longer,
// if that variable is set.
"use strict";
const fs = require("fs");
const SIZE = 2000, LOOK_MS = 50, TEXT = 8 << 20;
const slow = Number(process.env.SLOW || 0);
let served = 0, extra = 0;

function work(size) {
    const list = Array.from({ length: size }, (_, i) => ({ key: i * 7919 % 10007, name: "name " + i }));
    return JSON.parse(JSON.stringify(list)).filter(one => /[37]$/.test(one.name))
        .reduce((sum, one) => (sum * 31 + one.key) | 0, 0);
}

function isCopied() {
    let size = 0;
    for (const [, start, end, path] of fs.readFileSync("/proc/self/maps", "latin1")
        .matchAll(/^(\w+)-(\w+) r-xp \S+ \S+ \d+ +(\/.*)$/mg))
        if (path === process.execPath) size += parseInt(end, 16) - parseInt(start, 16);
    return size < TEXT;
}

if (slow) setInterval(() => { extra = isCopied() ? Math.round(SIZE * slow / 100) : 0; }, LOOK_MS);

require("http").createServer((request, response) => {
    if (request.url === "/served") return response.end(`${served}\n`);
    served++;
    if (extra) work(extra);
    response.end(String(work(SIZE)));
}).listen(Number(process.argv[2]), "127.0.0.1");
