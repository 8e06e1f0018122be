-- SPDX-License-Identifier: Apache-2.0
-- Large programs do real work under tiexec, with no option: servers answer 100,000 requests, databases answer queries
-- and take 50,000 writes, and what node's modules compute is as it is plainly. Text is huge from the first request to
-- the last. What npm's registry has is in build/npm, or in the folder NPM.

local core = require "tiexec.core"
local server = require "tests.lib.server"
local support = require "tests.lib.support"

local HUGE <const> = core.host().huge_page_size
local LEAST <const> = 0.9 -- of the text of each file that has two megabytes of it
local REQUESTS <const>, WRITES <const> = 100000, 50000
local tasks <const> = "tests/real/tasks/"

local npm <const> = support.shell("realpath -m " .. (os.getenv "NPM" or "build/npm")).out:match("[^\n]+")

-- A large file of a package, or of a scope, whose name begins so.
local function of_npm(package, name)
    return support.shell(("cd %s/node_modules && find -L %s -name '%s*' -size +10M 2>/dev/null | sort -r | head -n 1")
        :format(npm, package, name)).out:gsub("^[^\n]+", npm .. "/node_modules/%0"):match("[^\n]+")
end

-- What part of the text of large files a process has on huge pages: the least of any file.
local function share(pid)
    local bytes, huge, least = {}, {}, 1
    for _, m in ipairs(support.smaps(pid)) do
        local path = m.perms:find("x") and m.path:match("^/.*")
        if path then
            path = path:match("([^/]*)@[^/]*$") or path:match("[^/]*$") -- a copy has the name of its file
            bytes[path] = (bytes[path] or 0) + m.stop - m.start
            huge[path] = (huge[path] or 0) + support.huge_bytes(m)
        end
    end
    for path, size in pairs(bytes) do
        if size >= 2 * HUGE then least = math.min(least, huge[path] / size) end
    end
    return least
end

-- The same of one file, of whose text some may be copies that lie between its mappings.
local function share_of(pid, name)
    local first, last, bytes, huge = nil, nil, 0, 0
    local list = support.smaps(pid)
    for _, m in ipairs(list) do
        if m.path:find(name, 1, true) then first, last = first or m.start, m.stop end
    end
    for _, m in ipairs(list) do
        if first and m.perms:find("x") and first <= m.start and m.stop <= last then
            bytes, huge = bytes + m.stop - m.start, huge + support.huge_bytes(m)
        end
    end
    return bytes >= 2 * HUGE and huge / bytes or 0
end

local function becomes_huge(pid) return support.wait_for(function() return share(pid) >= LEAST end) or false end

-- Has wrk ask until there are so many answers. Gives those that were wrong, and those that were lost.
local function ask(port, script, count)
    local right, wrong, lost = 0, 0, 0
    local url = ("http://127.0.0.1:%d"):format(port)
    local deadline = core.now() + 180
    while right < count and core.now() < deadline do
        local result = support.run { "wrk", "-t1", "-c64", "-d3s", "--timeout", "30s", "-s", tasks .. script, url, "--",
            tostring(right + wrong) }
        local some, bad, gone = result.out:match("right (%d+) wrong (%d+) lost (%d+)")
        assert(some, result.out .. result.err)
        right, wrong, lost = right + tonumber(some), wrong + tonumber(bad), lost + tonumber(gone)
    end
    assert(right >= count, ("%d answers in three minutes"):format(right))
    return wrong, lost
end

-- Starts a server under tiexec, calls `look(port, pid)` when it answers, and sees that it is huge all the time.
local function serve(words, probe, look)
    local folder <close> = support.folder()
    local port = server.free_port()
    words = support.concat({ support.tiexec }, words)
    for i, word in ipairs(words) do words[i] = word:gsub("PORT", port):gsub("DATA", folder.path) end
    local process <close> = support.start(words, ("</dev/null >%s/log 2>&1"):format(folder.path))
    assert(support.wait_for(function() return server.ask(port, probe) end, 60),
        support.read_file(folder.path .. "/log"))
    assert.is_true(becomes_huge(process.pid), ("%.3f"):format(share(process.pid)))
    look(port, process.pid)
    assert.is_true(share(process.pid) >= LEAST)
    assert.is_true(process:is_alive())
    assert.equal(0, core.status(process.pid, "TracerPid"))
end

local function lacks_wrk() return not core.find "wrk" and "wrk is not installed" end

local servers = {
    deno = { package = "@deno", words = { "run", "--allow-net", tasks .. "deno.js", "PORT" } },
    bun = { package = "@oven bun", words = { tasks .. "bun.js", "PORT" } },
    workerd = { package = "@cloudflare", words = { "serve", tasks .. "workerd.capnp", "--socket-addr",
        "http=127.0.0.1:PORT" } },
}

for name, one in pairs(servers) do
    describe(name .. " under tiexec", function()
        it("answers 100,000 requests, each rightly, with huge text from the first to the last", function()
            local program = of_npm(one.package, name)
            if lacks_wrk() or not program then return pending(lacks_wrk() or name .. " is not at hand") end
            serve(support.concat({ program }, one.words), "GET /?n=1", function(port)
                local wrong, lost = ask(port, "requests.lua", REQUESTS)
                assert.same({ 0, 0 }, { wrong, lost })
            end)
        end)
    end)
end

describe("etcd under tiexec", function()
    it("takes 50,000 writes, and has them", function()
        if lacks_wrk() or not core.find "etcd" then return pending(lacks_wrk() or "etcd is not installed") end
        local peers = server.free_port()
        serve({ "etcd", "--data-dir", "DATA/etcd", "--unsafe-no-fsync", "--log-level", "error",
            "--listen-client-urls", "http://127.0.0.1:PORT", "--advertise-client-urls", "http://127.0.0.1:PORT",
            "--listen-peer-urls", ("http://127.0.0.1:%d"):format(peers) }, "GET /health", function(port)
            local wrong, lost = ask(port, "writes.lua", WRITES)
            assert.same({ 0, 0 }, { wrong, lost })
            local answer = server.ask(port, 'POST /v3/kv/range {"key":"AA==","range_end":"AA==","count_only":true}')
            assert.is_true(tonumber(answer:match('"count":"(%d+)"')) >= WRITES, answer)
        end)
    end)
end)

describe("prometheus, attached to under load", function()
    it("answers each request, and is huge", function()
        if lacks_wrk() or not core.find "prometheus" then
            return pending(lacks_wrk() or "prometheus is not installed")
        end
        local folder <close> = support.folder()
        local port = server.free_port()
        -- A copy, whose pages no earlier start has made huge.
        assert(os.execute(("cp %s %s/prometheus"):format(core.find "prometheus", folder.path)))
        local process <close> = support.start({ folder.path .. "/prometheus", "--config.file=/dev/null",
            "--storage.tsdb.path=" .. folder.path .. "/tsdb", ("--web.listen-address=127.0.0.1:%d"):format(port) },
            ("</dev/null >%s/log 2>&1"):format(folder.path))
        assert(support.wait_for(function() return server.ask(port, "GET /-/ready") end, 60))
        local load <close> = support.start({ "wrk", "-t1", "-c16", "-d6s", "--timeout", "30s",
            ("http://127.0.0.1:%d/api/v1/query?query=vector(6*7)"):format(port) }, ">" .. folder.path .. "/wrk")
        for _ = 1, 3 do
            assert.equal(0, support.run_tiexec({ "--attach", tostring(process.pid) }).code)
            assert.is_true(becomes_huge(process.pid))
            assert.equal(0, support.run_tiexec({ "--undo", tostring(process.pid) }).code)
        end
        assert.is_true(load:is_alive()) -- all of that was under load
        assert.equal(0, support.run_tiexec({ "--attach", tostring(process.pid) }).code)
        assert(support.wait_for(function() return not load:is_alive() end))
        local out = support.read_file(folder.path .. "/wrk")
        assert.is_true(tonumber(out:match("(%d+) requests in")) > 100, out)
        assert.is_nil(out:find("Non-2xx", 1, true) or out:find("Socket errors", 1, true), out)
        assert.is_true(share(process.pid) >= LEAST)
    end)
end)

-- `mapped` is in the path of what is mapped: swc loads a copy of its module by another name.
local modules = {
    duckdb = { package = "@duckdb", file = "libduckdb", mapped = "libduckdb",
        what = "answers 20 queries over 10 million rows" },
    lancedb = { package = "@lancedb", file = "lancedb", mapped = ".node", what = "finds neighbours of 200 vectors" },
    swc = { package = "@swc", file = "swc", mapped = ".node", what = "translates 3,000 classes" },
}

for name, one in pairs(modules) do
    describe(name .. "'s module in node, under tiexec,", function()
        it(one.what .. ", as plainly, with its text huge", function()
            if not core.find "node" or not of_npm(one.package, one.file) then
                return pending(name .. " is not at hand")
            end
            local folder <close> = support.folder()
            local function words(data) return { "node", tasks .. name .. ".js", npm, folder.path .. "/" .. data } end
            local plain = support.run(words "plain")
            assert.equal(0, plain.code, plain.err)
            local process <close> = support.start(support.concat({ support.tiexec }, words "tiexec"),
                (">%s/out 2>%s/err"):format(folder.path, folder.path))
            local most = 0
            support.wait_for(function()
                most = math.max(most, share_of(process.pid, one.mapped))
                return not process:is_alive()
            end, 120)
            assert.equal("", support.read_file(folder.path .. "/err"))
            assert.equal(plain.out, support.read_file(folder.path .. "/out"))
            assert.is_true(#plain.out > 0)
            assert.is_true(most >= LEAST, ("%.3f"):format(most))
        end)
    end)
end
