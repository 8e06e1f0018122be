// SPDX-License-Identifier: Apache-2.0
// A server for workerd, which workerd.capnp names.
function answer(request) {
  const n = Number(new URL(request.url).searchParams.get("n"));
  let sum = 0;
  for (let i = 1; i <= n; i++) sum += (i * i) % 7;
  return new Response(JSON.stringify({ n, sum }));
}
addEventListener("fetch", (event) => event.respondWith(answer(event.request)));
