-- SPDX-License-Identifier: Apache-2.0
-- Servers: each gets a free port of the loopback interface, answers, and ends when told to.

local core = require "tiexec.core"
local elf = require "elf"
local specimen = require "specimen"
local support = require "support"

-- The ports that a process listens on, from /proc.
local function ports_of(pid)
    local sockets, ports = {}, {}
    for name in support.shell(("ls /proc/%d/fd"):format(pid)).out:gmatch("%d+") do
        local inode = (core.readlink(("/proc/%d/fd/%s"):format(pid, name)) or ""):match("^socket:%[(%d+)%]$")
        if inode then sockets[inode] = true end
    end
    for _, file in ipairs { "tcp", "tcp6" } do
        for line in (support.read_file(("/proc/%d/net/%s"):format(pid, file)) or ""):gmatch("[^\n]+") do
            local port, inode = line:match("^%s*%d+: %x+:(%x+) %x+:%x+ 0A %S+ %S+ %S+%s+%d+%s+%d+ (%d+)")
            if port and sockets[inode] then ports[#ports + 1] = tonumber(port, 16) end
        end
    end
    return ports
end

-- A port that nobody listens on, below those that the kernel itself gives out.
local function free_port()
    local used = (support.read_file("/proc/net/tcp") or "") .. (support.read_file("/proc/net/tcp6") or "")
    local port
    repeat port = math.random(20000, 30000) until not used:find((":%04X "):format(port), 1, true)
    return port
end

-- What a server says to a request, without the headers; nil: it does not answer with 200.
local function ask(port, request)
    local method, path, body = request:match("^(%S+) (%S+) ?(.*)$")
    local text = ("%s %s HTTP/1.0\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s"):format(method, path, #body, body)
    local folder <close> = support.folder()
    support.write_file(folder.path .. "/request", text)
    local answer = support.run { "timeout", "10", "bash", "-c",
        'exec 3<>/dev/tcp/127.0.0.1/$1; cat "$2" >&3; cat <&3', "ask", tostring(port), folder.path .. "/request" }.out
    return answer:match("^HTTP/1%.[01] 200 .-\r\n\r\n(.*)$")
end

-- Serves the requests; gives the answers, how it ended, and what elf.check says.
local function serve(program, options, variant)
    local data <close> = support.folder()
    local words = specimen.words(program, options)
    local free = free_port()
    for i, word in ipairs(words) do words[i] = word:gsub("DATA", data.path):gsub("PORT", free) end
    local process <close> = support.start(words, ">" .. data.path .. "/log 2>&1 </dev/null")
    local result = { answers = {} }
    local port = support.wait_for(function()
        for _, port in ipairs(specimen.has_started(process, program.words[1]) and ports_of(process.pid) or {}) do
            if ask(port, program.ready) then return port end
        end
        return not process:is_alive()
    end, 60)
    assert.is_number(port, support.read_file(data.path .. "/log"))
    for i, request in ipairs(program.requests) do
        local answer = ask(port, request) or "nothing"
        result.answers[i] = answer:match(program.part or "^.*$") or answer
    end
    if variant then result.seen = elf.check(process.pid, program.words[1], variant) end
    os.execute("kill -TERM " .. process.pid)
    result.ended = specimen.finish(process)
    return result
end

local function define(name, make, least)
    describe(name, function()
        local program, why, plain
        local results = {}
        setup(function()
            program, why = make()
            if program then plain = serve(program) end
        end)
        teardown(function() specimen.dispose(program) end)

        it("answers plainly", function()
            if not program then return pending(why) end
            for _, answer in ipairs(plain.answers) do assert.not_equal("nothing", answer) end
            assert.is_string(plain.ended)
        end)

        for _, variant in ipairs(specimen.variants) do
            local title = variant.strategy .. ", " .. variant.source .. ": "

            it(title .. "the same answers, and the same end", function()
                if not program then return pending(why) end
                if variant.source == "hugetlb" and not specimen.has_pool then return pending(specimen.no_pool) end
                local result = serve(program, variant.options, variant)
                results[variant] = result
                assert.same(plain.answers, result.answers)
                assert.equal(plain.ended, result.ended)
            end)

            it(title .. "huge pages wherever its headers allow them, and nowhere else", function()
                if not program then return pending(why) end
                if variant.source == "hugetlb" and not specimen.has_pool then return pending(specimen.no_pool) end
                assert.is_table(results[variant], "it was not seen")
                assert.same({}, results[variant].seen.complaints)
                if variant.strategy == "aggressive" then assert.is_true(results[variant].seen.huge >= least) end
            end)
        end
    end)
end

describe("under tiexec, the server", function()
    setup(specimen.prepare(64))
    teardown(specimen.restore)

    define("prometheus", specimen.program({ "/usr/bin/prometheus", "--config.file=/dev/null",
        "--storage.tsdb.path=DATA/tsdb", "--web.listen-address=127.0.0.1:0" }, nil, { ready = "GET /-/ready",
        requests = { "GET /api/v1/status/buildinfo", "GET /api/v1/query?query=vector(6*7)&time=1" } }), 20 << 20)

    define("etcd", specimen.program({ "/usr/bin/etcd", "--data-dir=DATA/etcd", "--name=one",
        "--listen-client-urls=http://127.0.0.1:PORT", "--advertise-client-urls=http://127.0.0.1:PORT",
        "--listen-peer-urls=http://127.0.0.1:0", "--initial-advertise-peer-urls=http://127.0.0.1:1",
        "--initial-cluster=one=http://127.0.0.1:1" }, nil, { ready = "GET /health", requests = { "GET /version",
        'POST /v3/kv/put {"key":"a2V5","value":"Z3LDvG4="}', 'POST /v3/kv/range {"key":"a2V5"}' } }), 8 << 20)

    define("node", specimen.program({ "/usr/bin/node", "-e", [[
        const server = require("http").createServer((request, response) => {
            const sums = JSON.stringify([...request.url].map(c => c.codePointAt(0) ** 3));
            response.end(require("zlib").gunzipSync(require("zlib").gzipSync(sums)));
        });
        server.listen(0, "127.0.0.1");
        process.on("SIGTERM", () => process.exit(3));
    ]] }, nil, { ready = "GET /", requests = { "GET /a/b?c", "GET /" } }), 26 << 20)
end)
