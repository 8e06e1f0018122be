-- SPDX-License-Identifier: Apache-2.0
-- Servers: each gets a free port of the loopback interface, answers, and ends when told to.

local elf = require "tests.lib.elf"
local server = require "tests.lib.server"
local specimen = require "tests.lib.specimen"
local support = require "tests.lib.support"

-- Serves the requests; gives the answers, how it ended, and what elf.check says.
local function serve(program, options, variant)
    local data <close> = support.folder()
    local words = specimen.words(program, options)
    local free = server.free_port()
    for i, word in ipairs(words) do words[i] = word:gsub("DATA", data.path):gsub("PORT", free) end
    local process <close> = support.start(words, ">" .. data.path .. "/log 2>&1 </dev/null")
    local result = { answers = {} }
    local port = support.wait_for(function()
        local is_there = support.has_become(process.pid, program.words[1])
        for _, port in ipairs(is_there and server.ports_of(process.pid) or {}) do
            if server.ask(port, program.ready) then return port end
        end
        return not process:is_alive()
    end, 60)
    assert.is_number(port, support.read_file(data.path .. "/log"))
    for i, request in ipairs(program.requests) do
        local answer = server.ask(port, request) or "nothing"
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
