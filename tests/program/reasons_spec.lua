-- SPDX-License-Identifier: Apache-2.0
-- The reasons that operators meet most often: each is made to happen, and says what there is to do.

local core = require "tiexec.core"
local disk = require "tests.lib.disk"
local json = require "dkjson"
local support = require "tests.lib.support"

local ample = support.programs .. "ample"
local HUGE <const> = core.huge_page_size()

local function decode(text)
    local value, _, why = json.decode(text)
    return assert(value, why)
end

-- The reasons that a start of a program gives, by their codes: of its executable's text, or of all.
local function of_start(words, object)
    local folder <close> = support.folder()
    local path, found = folder.path .. "/report", {}
    support.run_tiexec(support.concat({ "--report", path }, words))
    for _, m in ipairs(decode(support.read_file(path)).mappings) do
        for i, code in ipairs((not object or m.object == object) and m.codes or {}) do found[code] = m.why[i] end
    end
    return found
end

-- The same of a process, and the advice that its largest text has.
local function of_process(pid, ...)
    local found, advice, most = {}, nil, 0
    local out = support.run_tiexec(support.concat({ "--json" }, { ... }, { "--inspect", tostring(pid) })).out
    for _, m in ipairs(decode(out).mappings) do
        for i, code in ipairs(m.codes) do found[code] = m.why[i] end
        if m.bytes > most and m.object ~= "" then most, advice = m.bytes, m.advice end
    end
    return found, advice
end

local function start(...)
    local process, wanted = support.start { ... }, (...):match("[^/]*$")
    assert.is_truthy(support.wait_for(function()
        local name = (core.readlink(("/proc/%d/exe"):format(process.pid)) or ""):match("[^/]*$")
        return name == wanted and (support.read_file(("/proc/%d/stat"):format(process.pid)) or "")
            :find(") S ", 1, true)
    end) or nil)
    return process
end

describe("says what it means, and what there is to do:", function()
    it("no-room-small, kernels-own: a small program", function()
        local found = of_start { "sh", "-c", ":" }
        assert.matches("^too small for a [%d.]+ MiB page of its own, which would take in .+: nothing to do$",
            found["no-room-small"])
        assert.equal("it is the kernel's own, and tiny: nothing to do", found["kernels-own"])
    end)

    it("blocked-above, blocked-both: text between other mappings", function()
        local above = of_start({ "--sources", "thp", ample }, support.shell("realpath " .. ample).out:match("[^\n]+"))
        assert.matches("^its end stays on small pages: a huge page would take in its own ", above["blocked-above"])
        local both = of_start { "--sources", "thp", support.programs .. "low_text" }
        assert.matches("^both ends stay on small pages: huge pages would take in .- below it, and .- above it$",
            both["blocked-both"])
    end)

    it("no-page-inside: a small program, conservatively", function()
        assert.matches("%-%-strategy aggressive", of_start({ "-s", "conservative", "sh", "-c", ":" })["no-page-inside"])
    end)

    it("in-use-by: cached pages that another process maps, and which", function()
        local here <close>, why = disk.make("ample")
        if not here then return pending(why) end
        local one <close> = start(here.path, "wait")
        local words = of_start({ "--sources", "file", here.path }, here.path)["in-use-by"]
        assert.truthy(words:find(("stay so until process %d (ample) has ended"):format(one.pid), 1, true), words)
        local other <close> = start(here.path, "wait")
        words = of_start({ "--sources", "file", here.path }, here.path)["in-use-by"]
        assert.matches("until process %d+ %(ample%) and 1 other have ended", words)
        assert.is_true(other:is_alive())
    end)

    it("in-use-unseen: by a process that this user cannot look into", function()
        local here <close>, why = disk.make("ample")
        if not here then return pending(why) end
        local one <close> = start(here.path, "wait")
        local folder <close> = support.folder()
        support.shell(("chmod 777 %s; chmod 755 %s %s"):format(folder.path, here.folder.path, here.mount))
        support.run { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", support.tiexec, "--sources",
            "file", "--report", folder.path .. "/report", here.path }
        local found = {}
        for _, m in ipairs(decode(support.read_file(folder.path .. "/report")).mappings) do
            for _, code in ipairs(m.codes) do found[code] = true end
        end
        assert.is_true(found["in-use-unseen"])
        assert.is_true(one:is_alive())
    end)

    it("filesystem-refuses: a file that its filesystem keeps on small pages", function()
        local here <close>, why = disk.make("ample", "-O encrypt")
        if not here then return pending(why) end
        support.shell(("cat %s >/dev/null"):format(here.path))
        local words = of_start({ "--sources", "file", here.path }, here.path)["filesystem-refuses"]
        assert.matches("ext4 ha.-%(copies serve it: shared, thp%)$", words)
    end)

    it("not-asked: a plain process, with advice", function()
        local process <close> = start(ample, "wait")
        local found, advice = of_process(process.pid)
        assert.equal("it was mapped without asking for huge pages", found["not-asked"])
        assert.matches("^start it with tiexec: ", advice)
    end)

    it("generated: memory that a program has made executable", function()
        local c = core.constants
        local address = assert(core.syscall("mmap", 0, 4 * HUGE, c.PROT_READ | c.PROT_EXEC,
            c.MAP_PRIVATE | c.MAP_ANONYMOUS, -1, 0))
        local found = of_process(core.getpid())
        core.syscall("munmap", address, 4 * HUGE)
        assert.matches("makes at run time, of no file", found.generated)
    end)

    it("not-congruent, unlike-other-starts: a program that was not moved", function()
        local process <close> = start(ample, "wait")
        if support.is_congruent(process.pid) then return pending("it lies where it would be moved to, by chance") end
        assert.matches("only a copy can serve it %(shared, thp, hugetlb%)$",
            of_process(process.pid, "--no-align", "--sources", "file")["not-congruent"])
        assert.matches("tiexec moves programs that it starts",
            of_process(process.pid, "--no-align", "--sources", "shared")["unlike-other-starts"])
    end)

    it("not-named: what the strategy leaves", function()
        local process <close> = start(ample, "wait")
        assert.matches("%-%-strategy aggressive takes all text", of_process(process.pid, "-s", "none")["not-named"])
    end)
end)
