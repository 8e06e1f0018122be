-- SPDX-License-Identifier: Apache-2.0
-- --service: what profiles name becomes huge as it starts, what must be left alone is, and nothing suffers.

local core = require "tiexec.core"
local services = require "tests.lib.services"
local support = require "tests.lib.support"

local HUGE <const> = core.huge_page_size()
local ALL <const> = [[return { match = { glob = "FOLDER/*" }, service = true }]]

local it = support.patience == 1 and it or function(name)
    return it(name, function() return pending("stops take too long on an emulated CPU") end)
end

local mode
setup(function() mode = support.thp("madvise") end)
teardown(function() if mode then getmetatable(mode).__close() end end)

local function as_root(test)
    return function()
        if not support.is_root then return pending "needs root" end
        return test()
    end
end

-- Starts a program plainly, and waits until it is that program.
local function start(path, prefix, redirect)
    local process = support.start(support.concat(prefix, { path, "wait" }), redirect)
    assert(support.wait_for(function() return core.readlink(("/proc/%d/exe"):format(process.pid)) == path end))
    return process
end

-- Waits until the service has dealt with a process that it is for, which is started now: then it has seen what
-- was started before.
local function see_through(service)
    local witness <close> = start(service:copy("ample", "witness"))
    assert.is_true(services.becomes_huge(witness.pid, 2 * HUGE), service:log())
end

describe("--service", function()
    it("remaps what profiles name, as it starts, and says one line of it", as_root(function()
        local service <close> = services.start { profile = ALL }
        assert.matches("1 profile for it; the kernel tells of execs", service:log(), 1, true)
        local process <close> = start(service:copy "ample")
        assert.is_true(services.becomes_huge(process.pid, 2 * HUGE), service:log())
        assert.is_truthy(service:reaches('attached_total{result="gained"}', 1))
        assert.equal(1, service:lines_of(process.pid))
        assert.matches("ample %(process %d+%): [%d.]+ MiB of [%d.]+ MiB of text on huge pages\n", service:log())
        assert.equal(0, core.status(process.pid, "TracerPid"))
        assert.is_true(process:is_alive())
        assert.is_true(service:metrics().huge_bytes_total >= 2 * HUGE)
    end))

    it("remaps what runs already", as_root(function()
        local service <close> = services.make { profile = ALL }
        local process <close> = start(service:copy "ample")
        service:start()
        assert.is_true(services.becomes_huge(process.pid, 2 * HUGE), service:log())
    end))

    it("goes by the proc connector where there are no perf events", as_root(function()
        local prefix = { support.programs .. "deny", "perf_event_open", "EPERM" }
        local service <close> = services.start { profile = ALL, prefix = prefix }
        if service:log():find("/proc is looked at", 1, true) then return pending(service:log()) end
        assert.matches("1 profile for it; the kernel's proc connector tells of execs", service:log(), 1, true)
        assert.is_truthy(service:reaches("records", 1))
        local process <close> = start(service:copy "ample")
        assert.is_true(services.becomes_huge(process.pid, 2 * HUGE), service:log())
        local script <close> = support.start { "sh", "-c", 'sleep 2; exec "$0" wait', service.folder.path .. "/ample" }
        assert.is_true(services.becomes_huge(script.pid, 2 * HUGE), service:log())
        local before = service:metrics().execs_total
        os.execute "for i in 1 2 3 4 5 6 7 8 9 10; do /bin/true; done"
        assert.is_truthy(service:reaches("execs_total", before + 10))
    end))

    it("goes by looks at /proc where the kernel tells nothing", as_root(function()
        local service <close> = services.start { profile = ALL, options = { "--by-proc" } }
        assert.matches("/proc is looked at each second", service:log(), 1, true)
        assert.is_truthy(service:reaches("profiles", 1))
        assert.equal(0, service:metrics().records)
        local process <close> = start(service:copy "ample")
        assert.is_true(services.becomes_huge(process.pid, 2 * HUGE), service:log())
        local script <close> = support.start { "sh", "-c", 'sleep 2; exec "$0" wait', service.folder.path .. "/ample" }
        assert.is_true(services.becomes_huge(script.pid, 2 * HUGE), service:log())
    end))

    it("an ordinary user's is for that user's processes", as_root(function()
        local service <close> = services.make { profile = ALL, prefix = { "setpriv", "--reuid=65534",
            "--regid=65534", "--clear-groups" } }
        assert(os.execute("chmod 777 " .. service.folder.path))
        assert(os.execute(("cp %s %s/tiexec"):format(support.tiexec, service.folder.path)))
        local before = support.tiexec
        support.tiexec = service.folder.path .. "/tiexec"
        service:start()
        support.tiexec = before
        local path = service:copy "ample"
        local others <close> = start(path)
        local own <close> = start(path, service.prefix)
        if (core.host().yama or 0) > 0 then return pending "Yama forbids that" end
        assert.is_true(services.becomes_huge(own.pid, 2 * HUGE), service:log())
        assert.equal(0, (support.huge_text(others.pid)))
        assert.equal(0, service:lines_of(others.pid))
    end))

    it("goes by the first profile that names a program, and by no wrong one", as_root(function()
        local service <close> = services.start { profile = [[return {
            { match = { path = "FOLDER/wrong" }, service = "perhaps" },
            { match = { path = "FOLDER/plain" }, strategy = "aggressive" },
            { match = { path = "FOLDER/off" }, service = false },
            { match = { path = "FOLDER/none" }, service = true, strategy = "none" },
            { match = { glob = "FOLDER/*" }, service = true } }]] }
        assert.matches("service: 'perhaps' is neither 1 nor 0, nor sandboxed", service:log(), 1, true)
        local left <close> = start(service:copy("ample", "plain"))
        local off <close> = start(service:copy("ample", "off"))
        local none <close> = start(service:copy("ample", "none"))
        see_through(service)
        for _, process in ipairs { left, off, none } do
            assert.equal(0, (support.huge_text(process.pid)))
            assert.equal(0, service:lines_of(process.pid))
        end
        assert.equal(1, service:metrics().wrong_profiles)
    end))

    it("reads profiles again at SIGHUP, and looks at what runs", as_root(function()
        local service <close> = services.start { profile = "return {}" }
        local process <close> = start(service:copy "ample")
        assert.equal(0, (support.huge_text(process.pid)))
        service:profile((ALL:gsub("FOLDER", service.folder.path)))
        os.execute("kill -HUP " .. service.process.pid)
        assert.is_true(services.becomes_huge(process.pid, 2 * HUGE), service:log())
        assert.is_truthy(service:reaches("reloads_total", 1))
        assert.equal(1, service:metrics().profiles)
    end))

    it("leaves alone what is traced, until nobody traces it", as_root(function()
        local service <close> = services.start { profile = ALL }
        local path = service:copy "ample"
        local inferior <close> = assert(require "tiexec".launch { path, "wait" })
        assert.is_truthy(service:reaches('skipped_total{reason="traced"}', 1))
        assert.equal(0, (support.huge_text(inferior:pid())))
        local pid = inferior:pid()
        inferior:detach()
        local ok = services.becomes_huge(pid, 2 * HUGE)
        os.execute("kill -KILL " .. pid)
        assert.is_true(ok, service:log())
    end))

    it("leaves alone what a seccomp filter confines, unless its profile says sandboxed", as_root(function()
        local service <close> = services.start { profile = [[return {
            { match = { path = "FOLDER/sandboxed" }, service = "sandboxed" },
            { match = { glob = "FOLDER/*" }, service = true } }]] }
        local deny <const> = { support.programs .. "deny", "ptrace", "EPERM" }
        local process <close> = start(service:copy "ample", deny)
        assert.is_truthy(service:reaches('skipped_total{reason="seccomp"}', 1))
        local sandboxed <close> = start(service:copy("ample", "sandboxed"), deny)
        assert.is_true(services.becomes_huge(sandboxed.pid, 2 * HUGE), service:log())
        assert.equal(0, (support.huge_text(process.pid)))
        assert.equal(0, service:lines_of(process.pid))
    end))

    it("leaves alone what has other rights than its caller", as_root(function()
        local service <close> = services.start { profile = ALL }
        local path = service:copy "ample"
        assert(os.execute(("chown 65534 %s && chmod 4755 %s"):format(path, path)))
        local process <close> = start(path)
        assert.is_truthy(service:reaches('skipped_total{reason="set-id"}', 1))
        see_through(service)
        assert.equal(0, (support.huge_text(process.pid)))
    end))

    it("attaches to no more than some at a time, and to all in the end", as_root(function()
        local service <close> = services.start { profile = ALL }
        local path, list = service:copy "ample", {}
        local _ <close> = setmetatable({}, { __close = function()
            for _, process in ipairs(list) do getmetatable(process).__close(process) end
        end })
        for i = 1, 16 do list[i] = start(path) end
        for _, process in ipairs(list) do
            assert.is_true(services.becomes_huge(process.pid, 2 * HUGE), service:log())
        end
        assert.is_truthy(service:reaches('attached_total{result="gained"}', 16))
    end))

    it("looks at /proc where records were lost", as_root(function()
        local service <close> = services.start { profile = ALL }
        os.execute("kill -STOP " .. service.process.pid)
        local process <close> = start(service:copy "ample")
        -- More execs than the rings of all CPUs have room for.
        local count = 2000 * tonumber(support.run({ "nproc" }).out)
        support.shell(("python3 -c 'import os\nfor i in range(%d): os.posix_spawn(\"/bin/true\", [\"true\"], {})'")
            :format(count))
        os.execute("kill -CONT " .. service.process.pid)
        assert.is_truthy(service:reaches("missed_total", 1))
        assert.is_true(services.becomes_huge(process.pid, 2 * HUGE), service:log())
    end))

    it("killed at any moment, no process suffers; started again, all become huge", as_root(function()
        local service <close> = services.start { profile = ALL }
        local path, list = service:copy "ample", {}
        local _ <close> = setmetatable({}, { __close = function()
            for _, process in ipairs(list) do getmetatable(process).__close(process) end
        end })
        for i = 1, support.rounds(12) do
            list[i] = start(path)
            -- From the moment of the exec to some time after the end of the errand.
            core.pause(math.random(0, 300))
            service.process:stop "KILL"
            service:start()
        end
        for _, process in ipairs(list) do
            assert.is_true(process:is_alive())
            assert.is_true(services.becomes_huge(process.pid, 2 * HUGE), service:log())
        end
    end))

    it("writes metrics that Prometheus reads", as_root(function()
        local service <close> = services.start { profile = ALL }
        see_through(service)
        assert.is_truthy(service:reaches('attached_total{result="gained"}', 1))
        local stat = core.stat(service.folder.path .. "/metrics")
        assert.equal(420, stat.mode & 511) -- 0644
        local last
        for line in support.read_file(service.folder.path .. "/metrics"):gmatch("(.-)\n") do
            local name = line:match("^# TYPE (tiexec_service_[a-z_]+) %a+$")
            last = name or last
            local is_value = line:match("^([a-z_]+){[a-z]+=\"[%w-]+\"} [%d.]+$") or line:match("^([a-z_]+) [%d.]+$")
            assert.is_true(name ~= nil or line:find("^# HELP ") ~= nil or last ~= nil and is_value == last, line)
        end
        if not core.find "promtool" then return end
        local checked = support.shell("promtool check metrics <" .. service.folder.path .. "/metrics")
        assert.same({ 0, "" }, { checked.code, checked.err })
    end))

    it("says why it cannot begin", function()
        assert.matches("it starts no program", support.run_tiexec({ "--service", "true" }).err, 1, true)
        assert.equal(125, support.run_tiexec({ "--metrics", "x", "true" }).code)
        assert.equal(125, support.run_tiexec({ "--service", "--report", "/nosuch/file" }).code)
    end)
end)
