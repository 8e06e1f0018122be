-- SPDX-License-Identifier: Apache-2.0
-- Servers that are attached to and undone, over and over, while they answer: not one request fails.

local attached = require "tests.lib.attached"
local server = require "tests.lib.server"
local specimen = require "tests.lib.specimen"
local support = require "tests.lib.support"

local ROUNDS <const> = tonumber(os.getenv("TIEXEC_SOAK")) or 10

-- A Python function that asks by HTTP; its arguments are a port and a path.
local ask_by_http <const> = [[
import http.client, sys
port, path = int(sys.argv[1]), sys.argv[2]
def ask():
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body
]]

-- A Python function that asks by a program, which reads requests and writes answers. The word "end" ends an answer.
-- The program is started anew after every 20 requests, and must have ended well.
local ask_by_program <const> = [[
import subprocess, sys, threading
request, words, own = sys.argv[1], sys.argv[2:], threading.local()
def ask():
    if not hasattr(own, "client"):
        own.client, own.left = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True), 20
    own.client.stdin.write(request)
    own.client.stdin.flush()
    lines = []
    while not lines or lines[-1] != "end\n":
        lines.append(own.client.stdout.readline())
        if not lines[-1]: sys.exit("the client ended: %s" % own.client.wait())
    own.left -= 1
    if own.left == 0:
        own.client.stdin.close()
        if own.client.wait() != 0: raise Exception("the client failed")
        del own.client
    return lines
]]

-- Asks again and again, by four threads, and compares each answer with the first; until it is told to end.
local load <const> = [[
import signal
ending, lock, counts = threading.Event(), threading.Lock(), [0, 0]
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
    local before, memory, least = maps_of(pid), attached.memory(pid), math.maxinteger
    for _ = 1, ROUNDS do
        local result = support.run_tiexec { "--sources", sources, "--attach", tostring(pid) }
        assert.equal("", result.err)
        least = math.min(least, (support.huge_text(pid)))
        result = support.run_tiexec { "--undo", tostring(pid) }
        assert.same({ 0, "" }, { result.code, result.err })
        assert.equal(before, maps_of(pid))
    end
    attached.same_memory(memory, pid)
    return least
end

-- Disturbs a server while a client asks it: a Python function `ask`, and arguments. None of its requests fails.
local function serve(process, ask, arguments, least)
    local folder <close> = support.folder()
    local output = folder.path .. "/load"
    local words = table.move(arguments, 1, #arguments, 4, { "python3", "-c", "import threading\n" .. ask .. load })
    local client <close> = support.start(words, (">%s 2>&1"):format(output))
    assert(support.wait_for(function() return (support.read_file(output) or ""):find("ready", 1, true) end),
        support.read_file(output))
    local huge = disturb(process.pid, "thp")
    client:stop("TERM")
    local requests, failed = support.read_file(output):match("requests (%d+) failed (%d+)")
    assert.equal("0", failed, support.read_file(output))
    assert.is_true(tonumber(requests) > 4)
    assert.is_true(huge >= least)
    io.stdout:write(("[%s requests, %d rounds]\n"):format(requests, ROUNDS))
end

local function test(name, words, path, least)
    local program
    it(name .. " answers every request", function()
        local why
        program, why = specimen.program(words)()
        if not program then return pending(why) end
        local data <close> = support.folder()
        for i, word in ipairs(program.words) do program.words[i] = word:gsub("DATA", data.path) end
        local process <close> = support.start(program.words, ">" .. data.path .. "/log 2>&1 </dev/null")
        local port = assert(support.wait_for(function()
            for _, port in ipairs(server.ports_of(process.pid)) do
                if server.ask(port, "GET " .. path) then return port end
            end
        end, 60), support.read_file(data.path .. "/log"))
        serve(process, ask_by_http, { tostring(port), path }, least)
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

    it("mariadbd answers every statement, in connections old and new", function()
        local path, client = specimen.path("mariadbd"), specimen.path("mariadb")
        if not (path and client) then return pending("mariadbd, or its client, is not installed") end
        local data <close> = support.folder()
        local socket = data.path .. "/socket"
        os.execute("mkdir " .. data.path .. "/db")
        local process <close> = support.start({ path, "--no-defaults", "--datadir=" .. data.path .. "/db",
            "--skip-networking", "--socket=" .. socket, "--user=root", "--innodb-buffer-pool-size=8M",
            "--skip-grant-tables" }, (">%s/log 2>&1 </dev/null"):format(data.path))
        local words = { client, "--no-defaults", "-nNB", "--socket=" .. socket }
        local create = table.move(words, 1, #words, 1, {})
        table.move({ "-e", [[create database d; use d; create table t (n int primary key, s char(40)) engine=innodb;
            insert into t select seq, sha1(seq) from seq_1_to_1000]] }, 1, 2, #create + 1, create)
        local made
        assert(support.wait_for(function()
            made = support.run(create)
            return made.code == 0
        end, 60), made.err .. support.read_file(data.path .. "/log"))
        local statements <const> = "use d; start transaction; insert into t select 1000 + seq, sha1(-seq) from"
            .. " seq_1_to_20; select count(*), sum(n), max(s), md5(group_concat(s order by n)) from t where n < 980;"
            .. " rollback; select regexp_replace(sha1(7), '[a-f]+', '-'), json_value('[1,{\"b\":2}]', '$[1].b');"
            .. " select 'end';\n"
        serve(process, ask_by_program, { statements, table.unpack(words) }, 10 << 20)
    end)
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
        local four_clients = bench { "-n", "-c", "4", "-T", ("%d"):format(math.max(8, ROUNDS)), "postgres" }
        local rounds = 0
        local client <close> = support.start(four_clients, (">%s 2>&1"):format(output))
        repeat
            local children = support.shell("pgrep -P " .. process.pid).out:gsub("%s+", " ")
            local pids = ("%d %s"):format(process.pid, children)
            support.shell(("%s --sources thp --attach %s"):format(support.tiexec, pids)) -- a child may end meanwhile
            support.shell(("%s --undo %s"):format(support.tiexec, pids))
            rounds = rounds + 1
        until (support.read_file(output) or ""):find("latency average", 1, true) or not client:is_alive()
        local text = support.read_file(output)
        assert.truthy(text:find("number of failed transactions: 0 ", 1, true), text)
        io.stdout:write(("[%s transactions, %d rounds]\n"):format(text:match("actually processed: (%d+)"), rounds))
        assert.equal(0, support.run(bench { "-n", "-c", "1", "-t", "10", "postgres" }).code)
    end)
end)
