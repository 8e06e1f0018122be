-- SPDX-License-Identifier: Apache-2.0
-- A server on node (tests/real/tasks/list.js), with two connections of wrk's.

local core = require "tiexec.core"
local prometheus = require "tests.lib.loads.prometheus"
local server = require "tests.lib.server"
local support = require "tests.lib.support"

local node = { stop = prometheus.stop, count = prometheus.count }

function node.lacks() return not core.find "node" and "node" or not core.find "wrk" and "wrk" end

function node.start(load)
    local at, port = load.folder.path, server.free_port()
    -- A copy, whose pages no earlier start has made huge.
    assert(os.execute(("cp %s %s/node"):format(core.find "node", at)))
    local process = load:start(support.concat(load.environment, { at .. "/node", "tests/real/tasks/list.js",
        tostring(port) }), "server")
    load:wait(function() return server.ask(port, "GET /served") end, "server")
    load.pid = process.pid
    load.metric = support.quote { "bash", "-c", [[
        exec 3<>/dev/tcp/127.0.0.1/$1; printf 'GET /served HTTP/1.0\r\n\r\n' >&3; tail -n 1 <&3]], "served",
        tostring(port) }
    load.asking = load:start({ "wrk", "-t1", "-c2", ("-d%ds"):format(load.seconds), "--timeout", "30s", "-s",
        "tests/real/tasks/list.lua", ("http://127.0.0.1:%d"):format(port) }, "wrk")
end

return node
