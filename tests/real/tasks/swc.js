// SPDX-License-Identifier: Apache-2.0
// Translates a large file of TypeScript: node swc.js FOLDER, where npm has installed @swc/core.
const swc = require(process.argv[2] + "/node_modules/@swc/core");
const { createHash } = require("crypto");
let source = "";
for (let i = 0; i < 3000; i++) {
  source += `export class C${i}<T> { constructor(private x: T, readonly y = ${i}) {} async f(n: number): Promise<T[]> {`
    + ` const r: T[] = []; for await (const v of [this.x]) r.push(v); return n > ${i} ? r : [...r, this.x]; } }\n`;
}
for (const target of ["es5", "es2017", "es2022"]) {
  const jsc = { parser: { syntax: "typescript" }, target };
  const { code } = swc.transformSync(source, { filename: "x.ts", minify: target === "es5", jsc });
  console.log(target, code.length, createHash("sha1").update(code).digest("hex"));
}
