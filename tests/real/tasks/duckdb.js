// SPDX-License-Identifier: Apache-2.0
// Twenty analytical queries over ten million rows: node duckdb.js FOLDER, where npm has installed @duckdb/node-api.
const { DuckDBInstance } = require(process.argv[2] + "/node_modules/@duckdb/node-api");
const text = (_, value) => (typeof value === "bigint" ? value.toString() : value);
(async () => {
  const connection = await (await DuckDBInstance.create(":memory:", { threads: "2" })).connect();
  await connection.run("create table t as select i, i % 1000 as a, (i * 7919) % 100003 as b, 'k' || (i % 97) as k "
    + "from range(10000000) r(i)");
  for (let q = 2; q < 22; q++) {
    const reader = await connection.runAndReadAll("select k, count(*) c, sum(b) s, max(a) m from t "
      + `where b % ${q} = 1 group by k order by k limit 5`);
    console.log(JSON.stringify(reader.getRows(), text));
  }
})();
