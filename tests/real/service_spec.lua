-- SPDX-License-Identifier: Apache-2.0
-- --service on servers that know nothing of it: they have huge text soon after their start, and so has what they fork.

local core = require "tiexec.core"
local server = require "tests.lib.server"
local services = require "tests.lib.services"
local support = require "tests.lib.support"

local HUGE <const> = core.huge_page_size()
local PROFILE <const> = [[return { { match = { basename = "prometheus" }, service = true },
    { match = { glob = "/usr/lib/postgresql/*/bin/postgres" }, service = true } }]]

local mode
setup(function() mode = support.thp("madvise") end)
teardown(function() if mode then getmetatable(mode).__close() end end)

-- How long it takes from now until a process has huge text, in seconds.
local function seconds_until_huge(service, pid)
    local started = core.now()
    assert.is_true(services.becomes_huge(pid, 2 * HUGE), service:log())
    return core.now() - started
end

local function children_of(pid)
    return (support.read_file(("/proc/%d/task/%d/children"):format(pid, pid)) or ""):gmatch("%d+")
end

describe("--service", function()
    it("prometheus", function()
        if not support.is_root or not core.find "prometheus" then return pending "needs root, and prometheus" end
        local service <close> = services.start { profile = PROFILE }
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/prometheus.yml", "")
        -- A copy, whose pages are not huge in the page cache from some earlier start.
        assert(os.execute(("cp %s %s/prometheus && sync %s/prometheus"):format(core.find "prometheus", folder.path,
            folder.path)))
        local process <close> = support.start { folder.path .. "/prometheus",
            "--config.file=" .. folder.path .. "/prometheus.yml",
            "--storage.tsdb.path=" .. folder.path .. "/data",
            ("--web.listen-address=127.0.0.1:%d"):format(server.free_port()) }
        print(("prometheus: %.2f s"):format(seconds_until_huge(service, process.pid)))
        assert.is_truthy(service:reaches('attached_total{result="gained"}', 1))
        local port = assert(support.wait_for(function() return server.ports_of(process.pid)[1] end))
        assert.is_truthy(support.wait_for(function() return server.ask(port, "GET /-/ready") end))
        assert.equal(1, service:lines_of(process.pid))
    end)

    it("postgres, and what it has forked before", function()
        local bin = support.shell("ls -d /usr/lib/postgresql/*/bin | tail -n 1").out:match("[^\n]+")
        if not support.is_root or not bin then return pending "needs root, and postgres" end
        local service <close> = services.start { profile = PROFILE }
        local folder <close> = support.folder()
        assert(os.execute("chmod 777 " .. folder.path))
        local nobody <const> = { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups" }
        local made = support.run(support.concat(nobody, { bin .. "/initdb", "-D", folder.path .. "/data" }))
        assert.equal(0, made.code, made.err)
        local port = server.free_port()
        local process <close> = support.start(support.concat(nobody, { bin .. "/postgres", "-D", folder.path .. "/data",
            "-k", folder.path, "-p", tostring(port), "-h", "127.0.0.1" }))
        print(("postgres: %.2f s"):format(seconds_until_huge(service, process.pid)))
        local function ask()
            return support.run(support.concat(nobody, { bin .. "/psql", "-h", folder.path, "-p", tostring(port), "-c",
                "select 1", "postgres" })).code == 0
        end
        assert.is_true(support.wait_for(ask))
        local count = 0
        for pid in children_of(process.pid) do
            local huge
            assert.is_truthy(support.wait_for(function() -- some end by themselves
                huge = support.huge_text(pid) >= 2 * HUGE
                return huge or not core.status(math.tointeger(pid), "Pid")
            end), service:log())
            count = count + (huge and 1 or 0)
        end
        assert.is_true(count > 2)
        assert.is_true(ask())
    end)
end)
