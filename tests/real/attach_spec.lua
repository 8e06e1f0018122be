-- SPDX-License-Identifier: Apache-2.0
-- Servers that are attached to and undone, over and over, while they answer: not one request fails.

local server = require "server"
local specimen = require "specimen"
local support = require "support"

local ROUNDS <const> = tonumber(os.getenv("TIEXEC_SOAK")) or 10

-- Asks again and again, by four threads, and compares each answer with the first; until it is told to end.
local load <const> = [[
import http.client, signal, sys, threading
port, path = int(sys.argv[1]), sys.argv[2]
ending, lock, counts = threading.Event(), threading.Lock(), [0, 0]
def ask():
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body
wanted = ask()
def run():
    while not ending.is_set():
        try: right = ask() == wanted
        except Exception as error: right = print(error, flush=True)
        with lock: counts[0] += 1; counts[1] += not right
signal.signal(signal.SIGTERM, lambda *_: ending.set())
threads = [threading.Thread(target=run) for _ in range(4)]
for thread in threads: thread.start()
print("ready", flush=True)
while not ending.wait(0.05): pass
for thread in threads: thread.join()
print("requests", counts[0], "failed", counts[1], flush=True)
]]

-- The mappings of files that are not written to: what is anonymous changes as the program likes.
local function maps_of(pid)
    local lines = {}
    for line in (support.read_file(("/proc/%d/maps"):format(pid)) or ""):gmatch("[^\n]+") do
        if line:find(" r%-[x-]p .* /") then lines[#lines + 1] = line end
    end
    return table.concat(lines, "\n")
end

-- Attaches and undoes, each time looking from outside. Gives how many bytes were huge, at the least.
local function disturb(pid, sources)
    local before, least = maps_of(pid), math.maxinteger
    for _ = 1, ROUNDS do
        local result = support.run_tiexec { "--sources", sources, "--attach", tostring(pid) }
        assert.equal("", result.err)
        least = math.min(least, (support.huge_text(pid)))
        result = support.run_tiexec { "--undo", tostring(pid) }
        assert.same({ 0, "" }, { result.code, result.err })
        assert.equal(before, maps_of(pid))
    end
    return least
end

local function test(name, words, path, least)
    local program
    it(name .. " answers every request", function()
        local why
        program, why = specimen.program(words)()
        if not program then return pending(why) end
        local data <close> = support.folder()
        local output = data.path .. "/load"
        for i, word in ipairs(program.words) do program.words[i] = word:gsub("DATA", data.path) end
        local process <close> = support.start(program.words, ">" .. data.path .. "/log 2>&1 </dev/null")
        local port = assert(support.wait_for(function()
            for _, port in ipairs(server.ports_of(process.pid)) do
                if server.ask(port, "GET " .. path) then return port end
            end
        end, 60), support.read_file(data.path .. "/log"))
        local words_of_client = { "python3", "-c", load, tostring(port), path }
        local client <close> = support.start(words_of_client, (">%s 2>&1"):format(output))
        assert(support.wait_for(function() return (support.read_file(output) or ""):find("ready", 1, true) end))
        local huge = disturb(process.pid, "thp")
        client:stop("TERM")
        local requests, failed = support.read_file(output):match("requests (%d+) failed (%d+)")
        assert.is_true(tonumber(requests) > 0)
        assert.equal("0", failed, support.read_file(output))
        assert.is_true(huge >= least)
    end)
    teardown(function() specimen.dispose(program) end)
end

describe("attached to and undone while it serves,", function()
    local mode
    setup(function() mode = support.thp("madvise") end)
    teardown(function() if mode then getmetatable(mode).__close() end end)

    test("prometheus", { "/usr/bin/prometheus", "--config.file=/dev/null", "--storage.tsdb.path=DATA/tsdb",
        "--web.listen-address=127.0.0.1:0" }, "/api/v1/query?query=vector(6*7)&time=1", 20 << 20)

    test("node", { "/usr/bin/node", "-e", [[
        const server = require("http").createServer((request, response) => {
            const sums = JSON.stringify([...request.url].map(c => c.codePointAt(0) ** 3));
            response.end(require("zlib").gunzipSync(require("zlib").gzipSync(sums)));
        });
        server.listen(0, "127.0.0.1");
    ]] }, "/a/b?c", 20 << 20)
end)

describe("attached to and undone under pgbench,", function()
    local tools = support.shell("ls -d /usr/lib/postgresql/*/bin | tail -1").out:match("[^\n]+")

    it("postgres fails no transaction, nor do its children", function()
        if not (tools and support.is_root) then return pending("postgres is not installed, or this is not root") end
        local mode <close> = support.thp("madvise")
        if not mode then return pending("the THP mode cannot be set") end
        local data <close> = support.folder()
        local port, path = server.free_port(), data.path
        local function as_postgres(words)
            return table.move(words, 1, #words, 5, { "runuser", "-u", "postgres", "--" })
        end
        os.execute("chown postgres " .. path)
        local made = support.run(as_postgres { tools .. "/initdb", "-D", path .. "/db", "-A", "trust" })
        assert.equal(0, made.code, made.err)
        local process <close> = support.start { "setpriv", "--reuid", "postgres", "--regid", "postgres",
            "--init-groups", tools .. "/postgres", "-D", path .. "/db", "-k", path, "-p", tostring(port), "-h", "" }
        local function bench(more)
            return as_postgres(table.move(more, 1, #more, 6,
                { tools .. "/pgbench", "-h", path, "-p", tostring(port) }))
        end
        assert(support.wait_for(function() return support.run(bench { "-i", "-q", "postgres" }).code == 0 end, 60))
        local output = path .. "/bench"
        local four_clients = bench { "-n", "-c", "4", "-T", "8", "postgres" }
        local client <close> = support.start(four_clients, (">%s 2>&1"):format(output))
        repeat
            local children = support.shell("pgrep -P " .. process.pid).out:gsub("%s+", " ")
            local pids = ("%d %s"):format(process.pid, children)
            support.shell(("%s --sources thp --attach %s"):format(support.tiexec, pids)) -- a child may end meanwhile
            support.shell(("%s --undo %s"):format(support.tiexec, pids))
        until (support.read_file(output) or ""):find("latency average", 1, true) or not client:is_alive()
        local text = support.read_file(output)
        assert.truthy(text:find("number of failed transactions: 0 ", 1, true), text)
        assert.equal(0, support.run(bench { "-n", "-c", "1", "-t", "10", "postgres" }).code)
    end)
end)
