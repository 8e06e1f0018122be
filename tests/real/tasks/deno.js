// SPDX-License-Identifier: Apache-2.0
// A server for deno: deno run --allow-net deno.js PORT
Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.args[0]), onListen() {} }, (request) => {
  const n = Number(new URL(request.url).searchParams.get("n"));
  let sum = 0;
  for (let i = 1; i <= n; i++) sum += (i * i) % 7;
  return new Response(JSON.stringify({ n, sum }));
});
