-- SPDX-License-Identifier: Apache-2.0
-- The source `file` on whole programs: what becomes huge, what becomes of the ends that cannot be, and what the
-- report says of them.

local core = require "tiexec.core"
local json = require "dkjson"
local support = require "tests.lib.support"

local END <const> = "file: it cannot serve this end, because of the end of the file"

local HUGE <const> = core.host().huge_page_size
local NO_FOLIOS <const> = "this filesystem has no large folios"

-- A fresh folder beside the programs, so on the same filesystem; and one in memory, for the cache.
local function place()
    local folder, cache = support.folder(support.programs), support.folder("/dev/shm")
    return setmetatable({ path = folder.path, cache = cache.path }, { __close = function()
        for _, value in ipairs { folder, cache } do getmetatable(value).__close() end
    end })
end

-- A copy of a program, just written.
local function install(here, name)
    local path = here.path .. "/" .. name
    support.run { "cp", support.programs .. name, path }
    return path
end

-- Starts a waiting program, and gives tiexec's report as well.
local function start(here, options, words)
    local report = here.path .. "/report"
    os.remove(report)
    local all = support.concat({ "env", "TIEXEC_CACHE=" .. here.cache, support.tiexec, "--strict", "--report", report },
        options, words)
    local process = support.start(all, (">%s/out 2>%s/err"):format(here.path, here.path))
    local name = words[1]:match("[^/]*$")
    assert.is_truthy(support.wait_for(function()
        local exe = (core.readlink("/proc/" .. process.pid .. "/exe") or ""):match("[^/]*$")
        return exe == name and core.status(process.pid, "TracerPid") == 0
    end, 60), support.read_file(here.path .. "/err"))
    assert.equal("", support.read_file(here.path .. "/err"))
    return process, json.decode(support.read_file(report) or "")
end

-- The second of two starts. What there is to be made was made by the first.
local function start_again(here, options, words)
    do local _ <close> = start(here, options, words) end
    return start(here, options, words)
end

-- The program's mappings that hold text, from its address 0x800000: "start-stop perms field".
local function picture(process)
    local lines = {}
    for _, m in ipairs(support.smaps(process.pid)) do
        if m.perms:find("x") and m.start >= 0x800000 and m.start < 0x1000000 then
            local bytes, by = support.huge_bytes(m)
            assert(bytes == 0 or bytes == m.stop - m.start)
            lines[#lines + 1] = ("%x-%x %s %s"):format(m.start, m.stop, m.perms, by or "small")
        end
    end
    return lines
end

-- What the report says of the text that holds an address: its source, and why the rest is small.
local function told(report, address)
    for _, row in ipairs(report.mappings) do
        if tonumber(row.start) <= address and address < tonumber(row.start) + row.bytes then
            return row.source, table.concat(row.why, "; ")
        end
    end
end

local function memory(pid, address, size)
    local file <close> = assert(io.open(("/proc/%d/mem"):format(pid), "rb"))
    file:seek("set", address)
    return file:read(size)
end

local function no_copies(here)
    local path = here.path .. "/no-copies.lua"
    support.write_file(path, [[
        local planner = require "tiexec.planner"
        return { copied_ends = false, plan = function(inferior, host)
            return planner.plan_texts(inferior, host, planner.outward)
        end }]])
    return path
end

describe("by file,", function()
    local here, mode, supported
    setup(function()
        mode = support.thp("madvise")
        here = place()
        local process <close> = start_again(here, { "--sources", "file,thp" }, { install(here, "bigtext"), "wait" })
        supported = select(2, support.huge_text(process.pid)) == "FilePmdMapped"
    end)
    teardown(function()
        getmetatable(here).__close()
        if mode then getmetatable(mode).__close() end
    end)

    local function with(sources, field, source)
        it("the end of the file is a copy by " .. source .. ", the rest the file's own", function()
            if not supported then return pending(NO_FOLIOS) end
            local program = install(here, "ends")
            local process <close>, report = start_again(here, { "--sources", sources }, { program })
            assert.same({ "800000-a00000 r-xp FilePmdMapped", "a00000-c00000 r-xp " .. field }, picture(process))
            local by, why = told(report, 0x800000)
            assert.equal("file, " .. source, by)
            assert.equal(END, why)
            local rest = support.read_file(program):sub(0x600000 + 1) -- the text, and what follows it in its last page
            assert.equal(rest, memory(process.pid, 0x800000, #rest))
            assert.is_truthy(support.wait_for(function()
                return support.read_file(here.path .. "/out") == "ready\n"
            end))
            assert.equal("", support.read_file(here.path .. "/err"))
        end)
    end
    with("file,shared", "ShmemPmdMapped", "shared")
    with("file,thp", "AnonHugePages", "thp")

    it("the end of the file stays where a strategy allows no copies; that is no failure", function()
        if not supported then return pending(NO_FOLIOS) end
        local options = { "-s", no_copies(here) }
        local process <close>, report = start_again(here, options, { install(here, "ends") })
        assert.same({ "800000-a00000 r-xp FilePmdMapped", "a00000-a52000 r-xp small" }, picture(process))
        local by, why = told(report, 0x800000)
        assert.equal("file", by)
        assert.equal(END .. "; the strategy allows no copied ends", why)
        assert.equal("", support.read_file(here.path .. "/err"))
    end)

    it("an end with little text stays, and the report says so", function()
        if not supported then return pending(NO_FOLIOS) end
        local process <close>, report = start_again(here, {}, { install(here, "ends-little") })
        assert.same({ "800000-a00000 r-xp FilePmdMapped", "a00000-a12000 r-xp small" }, picture(process))
        local _, why = told(report, 0x800000)
        assert.equal(END .. "; the 72 KiB of text at this end are not worth a copy", why)
        assert.equal("", support.read_file(here.path .. "/err"))
    end)

    -- One page has one protection: with text and writable data in it, it cannot be huge.
    it("an end with writable data in its huge page stays small, whatever is allowed", function()
        if not supported then return pending(NO_FOLIOS) end
        local process <close>, report = start_again(here, {}, { install(here, "moved-one-segment"), "wait" })
        local text, by
        for _, m in ipairs(support.smaps(process.pid)) do
            local bytes, field = support.huge_bytes(m)
            if m.path:find("moved-one-segment", 1, true) and m.perms:find("x") then
                if bytes > 0 then text, by = m, field end
                assert.equal("r-xp", m.perms)
            end
        end
        assert.same({ "FilePmdMapped", 0 }, { by, text.start & (HUGE - 1) })
        local source, why = told(report, text.start)
        assert.equal("file", source)
        assert.matches("^its end .* would take in its own relocated data %(RELRO%) at 0x%x+$", why)
    end)

    it("the beginning is a copy where headers lie differently, as in a program linked by lld", function()
        if not core.stat(support.programs .. "moved-lld") then return pending("there is no lld") end
        if not supported then return pending(NO_FOLIOS) end
        local process <close>, report = start_again(here, {}, { install(here, "moved-lld"), "wait" })
        local fields = {}
        for _, m in ipairs(support.smaps(process.pid)) do
            local _, by = support.huge_bytes(m)
            if m.perms:find("x") and by then fields[#fields + 1] = by end
        end
        assert.same({ "ShmemPmdMapped", "FilePmdMapped" }, { fields[1], fields[2] })
        local found
        for _, row in ipairs(report.mappings) do
            if row.object:find("moved-lld", 1, true) then found = row end
        end
        assert.equal("shared, file", found.source)
        assert.matches("because of a part of the file that is mapped elsewhere", table.concat(found.why, "; "))
    end)

    it("a program that was just installed is huge at its second start at the latest", function()
        if not supported then return pending(NO_FOLIOS) end
        for _ = 1, 3 do
            local process <close> = start_again(here, {}, { install(here, "bigtext"), "wait" })
            local huge, by = support.huge_text(process.pid)
            assert.equal("FilePmdMapped", by)
            assert.is_true(huge >= 64 << 20)
        end
    end)

    it("text that another process has on small pages goes to the next source, which is said", function()
        if not supported then return pending(NO_FOLIOS) end
        local program = install(here, "moved-fixed")
        local heard = here.path .. "/heard"
        local other <close> = support.start({ program, "wait" }, ">" .. heard)
        assert.is_truthy(support.wait_for(function() -- it has read all of its text
            return other:is_alive() and (support.read_file(heard) or ""):find("\n", 1, true)
        end) or nil)
        local process <close>, report = start_again(here, {}, { program, "wait" })
        assert.equal("ShmemPmdMapped", select(2, support.huge_text(process.pid)))
        local rows = {}
        for _, row in ipairs(report.mappings) do
            if row.object:sub(-#program) == program then rows[#rows + 1] = table.concat(row.why, "; ") end
        end
        assert.matches(("file: .*stay so until process %d %%(moved%%-fixed%%)"):format(other.pid), rows[1])
    end)
end)
