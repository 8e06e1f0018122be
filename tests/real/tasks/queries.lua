-- SPDX-License-Identifier: Apache-2.0
-- For wrk, with one connection: asks prometheus for ranges: `wrk … -s queries.lua URL -- FROM TO`. Each answer must
-- be as the first one to that query.

dofile "tests/real/tasks/answers.lua"

local queries = {
    "sum by (code) (rate(requests_total[5m]))",
    "topk(5, rate(requests_total[2m]))",
    "quantile by (instance) (0.9, increase(requests_total[5m]))",
    "max_over_time(requests_total[10m]) / ignoring(code) group_left sum by (instance) (requests_total)",
}
local first, asked, range = {}, 0, ""

local function escape(byte) return ("%%%02x"):format(byte:byte()) end

function init(arguments) range = ("&start=%s&end=%s&step=60"):format(arguments[1], arguments[2]) end

function request()
    asked = asked % #queries + 1
    return wrk.format("GET", "/api/v1/query_range?query=" .. queries[asked]:gsub("[^%w]", escape) .. range)
end

function response(status, _, body)
    first[asked] = first[asked] or body
    count(status == 200 and #body > 2000 and body == first[asked])
end
