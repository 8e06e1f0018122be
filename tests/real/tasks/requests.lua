-- SPDX-License-Identifier: Apache-2.0
-- For wrk: asks for a sum.

dofile "tests/real/tasks/answers.lua"

local wanted = '{"n":100,"sum":201}'
wrk.path = "/?n=100"

function response(status, _, body) count(status == 200 and body == wanted) end
