// SPDX-License-Identifier: Apache-2.0
// What the tests of mathjs need and its package lacks: comparisons of numbers that are nearly equal.
const assert = require('assert')

function equal (a, b, epsilon = 0.0001) {
  if (typeof a !== 'number' || typeof b !== 'number' || isNaN(a) || a === b || a === 0 || b === 0) {
    if (a === 0 || b === 0) assert.ok(Math.abs(a - b) < epsilon, `${a} ~= ${b}`)
    else if (typeof a === 'number' && isNaN(a)) assert.ok(isNaN(b))
    else assert.strictEqual(a, b)
    return
  }
  assert.ok(Math.abs(a - b) <= Math.max(Math.abs(a), Math.abs(b)) * epsilon, `${a} ~= ${b}`)
}

function deepEqual (a, b) {
  if (Array.isArray(a) && Array.isArray(b)) {
    assert.strictEqual(a.length, b.length)
    a.forEach((value, i) => deepEqual(value, b[i]))
  } else if (a instanceof Object && b instanceof Object) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) deepEqual(a[key], b[key])
  } else {
    equal(a, b)
  }
}

module.exports = { equal, deepEqual }
