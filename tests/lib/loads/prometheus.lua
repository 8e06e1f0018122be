-- SPDX-License-Identifier: Apache-2.0
-- Prometheus, with 40 series of two hours, and one connection of wrk's that asks for rates, sums, quantiles and the
-- largest of them. The answers to a query are the same each time.

local core = require "tiexec.core"
local server = require "tests.lib.server"
local support = require "tests.lib.support"

local prometheus = {}

local START <const>, SAMPLES <const>, APART <const> = 1700000000, 480, 15 -- seconds since 1970, and between samples

function prometheus.lacks()
    for _, name in ipairs { "prometheus", "promtool", "wrk" } do
        if not core.find(name) then return name end
    end
end

-- Series as promtool takes them: requests by instances and statuses.
local function series()
    local lines = { "# TYPE requests counter" }
    for sample = 1, SAMPLES do
        for i = 1, 40 do
            lines[#lines + 1] = ('requests_total{instance="i%d",code="%d"} %d %d'):format(i // 4, 200 + i % 4,
                sample * (100 + i) + sample * i % 17, START + sample * APART)
        end
    end
    lines[#lines + 1] = "# EOF\n"
    return table.concat(lines, "\n")
end

function prometheus.start(load)
    local at, port = load.folder.path, server.free_port()
    -- A copy, whose pages no earlier start has made huge.
    assert(os.execute(("cp %s %s/prometheus"):format(core.find "prometheus", at)))
    support.write_file(at .. "/series", series())
    load.must { "promtool", "tsdb", "create-blocks-from", "openmetrics", at .. "/series", at .. "/data" }
    local process = load:start(support.concat(load.environment, { at .. "/prometheus", "--config.file=/dev/null",
        "--storage.tsdb.path=" .. at .. "/data", "--storage.tsdb.retention.time=100y",
        ("--web.listen-address=127.0.0.1:%d"):format(port) }), "server")
    load:wait(function() return server.ask(port, "GET /-/ready") end, "server")
    load.pid = process.pid
    load.metric = support.quote { "bash", "-c", [[
        exec 3<>/dev/tcp/127.0.0.1/$1; printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3
        sed -n 's/^prometheus_http_requests_total{code="200",handler=".api.v1.query_range"} //p' <&3 | grep . ||
            echo 0]], "served", tostring(port) }
    load.asking = load:start({ "wrk", "-t1", "-c1", ("-d%ds"):format(load.seconds), "--timeout", "30s", "-s",
        "tests/real/tasks/queries.lua", ("http://127.0.0.1:%d"):format(port), "--", tostring(START),
        tostring(START + SAMPLES * APART) }, "wrk")
end

--- Ends wrk, for others, too.
function prometheus.stop(load) load:signal "INT" end

--- What scripts of wrk have counted, for others, too.
function prometheus.count(load)
    local said = load:log "wrk"
    local right, wrong, lost = said:match("right (%d+) wrong (%d+) lost (%d+)")
    return { answered = tonumber(right) or 0, failed = right and wrong + lost or 1, said = said }
end

return prometheus
