// SPDX-License-Identifier: Apache-2.0
// Searches for neighbours of vectors: node lancedb.js FOLDER DATA, where npm has installed @lancedb/lancedb.
const lancedb = require(process.argv[2] + "/node_modules/@lancedb/lancedb");
const component = (i, j) => ((i * 31 + j * 17) % 101) / 101;
(async () => {
  const rows = [];
  for (let i = 0; i < 20000; i++) {
    rows.push({ id: i, vector: Array.from({ length: 32 }, (_, j) => component(i, j)) });
  }
  const table = await (await lancedb.connect(process.argv[3])).createTable("t", rows);
  for (let round = 0; round < 200; round++) {
    const found = await table.search(rows[round * 7].vector).limit(5).toArray();
    console.log(found.map((row) => row._distance.toFixed(4)).join(" "));
  }
})();
