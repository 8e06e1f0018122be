-- SPDX-License-Identifier: Apache-2.0
-- --record: samples of programs, of their threads and children, by root and by an ordinary user.

local json = require "dkjson"
local support = require "tests.lib.support"

local burning = support.programs .. "burning"
local STEPS <const> = "100" -- million: a quarter of a second

local real = support.shell("readlink -f " .. burning).out:match("[^\n]+")

-- Why this host lets root take no samples, or nil. A CPU that stands still at the wrong moment has none to give.
local function lacks_samples()
    local said
    for _ = 1, 3 do
        said = support.run_tiexec({ "--record", "-o", "/dev/null", burning, STEPS }).err
        if said:find("samples", 1, true) then return nil end
    end
    return "this host takes no samples: " .. said
end

local function read(path) return assert(load(support.read_file(path)))() end

local function object_of(one, path)
    for _, object in ipairs(one.objects) do
        if object.path == path then return object end
    end
end

-- The text of a file in pages of 4 KiB.
local function text_pages(path)
    local offset, size = support.shell("readelf -SW " .. path).out:match(" %.text +PROGBITS +%x+ (%x+) (%x+)")
    offset, size = tonumber(offset, 16), tonumber(size, 16)
    return offset >> 12, (offset + size - 1) >> 12
end

describe("--record", function()
    it("waits for the program's end, and for nothing else", function()
        local lacks = lacks_samples()
        if lacks then return pending(lacks) end
        local folder <close> = support.folder()
        local result = support.run { "strace", "-e", "trace=poll,ppoll,clock_nanosleep", "-o", folder.path .. "/trace",
            support.tiexec, "--record", "-o", "/dev/null", burning, STEPS }
        assert.equal(0, result.code, result.err)
        local trace = support.read_file(folder.path .. "/trace")
        assert.truthy(trace:find("poll(", 1, true), trace)
        assert.is_nil(trace:find("nanosleep", 1, true), trace)
    end)

    it("finds where a program computes, and ends as the program does", function()
        local lacks = lacks_samples()
        if lacks then return pending(lacks) end
        local folder <close> = support.folder()
        local file = folder.path .. "/r.lua"
        local result = support.run { "env", "FAIL=7", support.tiexec, "--record", "-o", file, burning, STEPS }
        assert.equal(7, result.code)
        assert.equal(burning .. " burnt well\n", result.out)
        local one = read(file)
        assert.equal(real, one.executable)
        assert.truthy(one.build_id)
        assert.is_true(one.samples > 50)
        local object, first, last = object_of(one, real), text_pages(real)
        -- On emulated CPUs the dynamic linker takes its time, too.
        assert.is_true(object.samples > (support.patience > 1 and 0.5 or 0.8) * one.samples)
        local sum = 0
        for page, count in pairs(object.pages) do
            assert.is_true(first <= page and page <= last)
            sum = sum + count
        end
        assert.equal(object.samples, sum)
        assert.equal("main", object.symbols[1].name)
        assert.truthy(result.err:find("main +burning"))
    end)

    it("takes in children, and writes a recording for each executable", function()
        local lacks = lacks_samples()
        if lacks then return pending(lacks) end
        local folder <close> = support.folder()
        local result = support.run { support.tiexec, "--record", "-o", folder.path, "sh", "-c",
            ("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; %s %s & %s %s; wait"):format(burning, STEPS, burning,
                STEPS) }
        assert.equal(0, result.code)
        local seen = {}
        for name in support.shell("ls " .. folder.path).out:gmatch("[^\n]+") do
            local one = read(folder.path .. "/" .. name)
            assert.equal(one.build_id .. ".lua", name)
            seen[one.executable] = one.samples
        end
        assert.is_true(seen[real] > 100)
        assert.is_true(seen[support.shell("readlink -f /bin/sh").out:match("[^\n]+")] > 3)
    end)

    it("is attached to a process that runs, and leaves it alone", function()
        local lacks = lacks_samples()
        if lacks then return pending(lacks) end
        local folder <close> = support.folder()
        local mark, file = support.mark(), folder.path .. "/r.lua"
        os.execute(("env MARK=%s %s 100000 >/dev/null 2>&1 &"):format(mark, burning))
        local pid = support.wait_for(function()
            local found = support.processes_with("MARK", mark)[1]
            return found and support.shell("readlink /proc/" .. found .. "/exe").out:find("burning") and found
        end)
        local result = support.run_tiexec { "--record=2", "-o", file, "--attach", tostring(pid) }
        assert.equal(0, result.code, result.err)
        local one = read(file)
        assert.equal(real, one.executable)
        assert.is_true(object_of(one, real).samples > 20)
        assert.equal(pid, support.processes_with("MARK", mark)[1])
        os.execute("kill -KILL " .. pid)
    end)

    it("can be had by an ordinary user", function()
        local lacks = not support.is_root and "not root" or lacks_samples()
        if lacks then return pending(lacks) end
        local folder <close> = support.folder()
        os.execute("chmod 777 " .. folder.path)
        local result = support.run { "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
            support.tiexec, "--record", "-o", folder.path .. "/r.lua", burning, STEPS }
        local level = tonumber(support.read_file("/proc/sys/kernel/perf_event_paranoid"))
        if level > 2 and result.code == 125 then
            assert.truthy(result.err:find("sysctl kernel.perf_event_paranoid=2", 1, true))
        else
            assert.equal(0, result.code, result.err)
            assert.is_true(object_of(read(folder.path .. "/r.lua"), real).samples > 50)
        end
    end)

    it("says what stands in the way, and does not run the program", function()
        local result = support.run { support.programs .. "deny", "perf_event_open", "EACCES", support.tiexec,
            "--record", burning, "1" }
        assert.equal(125, result.code)
        assert.equal("", result.out)
        local _, lines = result.err:gsub("\n", "")
        assert.equal(1, lines)
        assert.truthy(result.err:find("^tiexec: %-%-record: "))
        assert.equal(127, support.run_tiexec({ "--record", "/nonexistent" }).code)
        for _, words in ipairs { "--record", "--record=x true", "--record --attach x", "--record --report f true",
            "-o f true", "--record --attach 999999999" } do
            local wrong = support.shell(support.tiexec .. " " .. words)
            assert.equal(125, wrong.code, words)
            _, lines = wrong.err:gsub("\n", "")
            assert.equal(1, lines, wrong.err)
        end
    end)

    it("shows a recording: in tables, as JSON, and as a picture", function()
        local folder <close> = support.folder()
        local file = folder.path .. "/r.lua"
        support.write_file(file, [[return { executable = "/bin/a", event = "cycles", frequency = 1000, samples = 100,
            objects = { { path = "/bin/a", samples = 100, pages = { [0] = 60, [600] = 40 } } } }]])
        local shown = support.run_tiexec { "--record", "--report", file }
        assert.equal(0, shown.code)
        assert.truthy(shown.out:find("a: 100 samples of cycles, 1000 in a second", 1, true))
        assert.truthy(shown.out:find("##", 1, true))
        for line in shown.out:gmatch("[^\n]+") do assert.is_true(utf8.len(line) <= 80) end
        local value = json.decode(support.run_tiexec({ "--record", "--report", file, "--json" }).out)
        assert.same({ { page = 0, samples = 60 }, { page = 600, samples = 40 } }, value.objects[1].pages)
        assert.equal(0, support.run_tiexec({ "--record", "--report", file, "--svg", folder.path .. "/p.svg" }).code)
        local picture = support.read_file(folder.path .. "/p.svg")
        assert.truthy(picture:find("^<svg") and picture:find("</svg>\n$"))
        assert.equal(2, select(2, picture:gsub("<title>0x[%x]*: %d+ samples", "")) + select(2,
            picture:gsub("<title>0: %d+ samples", "")))
        assert.equal(125, support.run_tiexec({ "--record", "--report", "/nonexistent" }).code)
    end)
end)
