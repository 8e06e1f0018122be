-- SPDX-License-Identifier: Apache-2.0
-- For wrk: asks list.js for the sum of its list.

dofile "tests/real/tasks/answers.lua"

wrk.path = "/list"

function response(status, _, body) count(status == 200 and body == "-828890422") end
