// SPDX-License-Identifier: Apache-2.0
// A server for bun: bun bun.js PORT
Bun.serve({ hostname: "127.0.0.1", port: Number(process.argv[2]), fetch(request) {
  const n = Number(new URL(request.url).searchParams.get("n"));
  let sum = 0;
  for (let i = 1; i <= n; i++) sum += (i * i) % 7;
  return new Response(JSON.stringify({ n, sum }));
} });
