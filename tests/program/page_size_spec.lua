-- SPDX-License-Identifier: Apache-2.0
-- Pages of other sizes than the PMD's: those that are asked for, and the runs of base pages that the CPU's TLB may
-- hold as one, for programs whose text is not worth a PMD-sized page.

local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local folios = require "tests.lib.folios"
local json = require "dkjson"
local reachable = require "tests.lib.reachable"
local support = require "tests.lib.support"

local SIZE <const>, HUGE <const> = 64 << 10, core.huge_page_size()
local CONTIGUOUS <const> = core.host().contiguous_size
local ample, little = support.programs .. "ample", support.programs .. "static_exec"

local NO_THP <const> = "this kernel has no transparent huge pages of 64 KiB (needs Linux 6.8), or this is not root"
local NO_POOL <const> = "no memory for hugetlb pages of 64 KiB, or this is not root"

-- Defines a test of hugetlb pages of 64 KiB, where the kernel knows that size: other CPUs' do not.
local function it_of_pool(name, check)
    if core.host().hugetlb[SIZE] then it(name, check) end
end

-- Arranges the host, or gives nil and why that cannot be. `others` is the mode of the PMD-sized pages: unless it is
-- "never", a copy whose memory happens to begin at a multiple of these gets some.
local function thp(mode, others)
    local host = support.thp(mode, SIZE)
    if not host then return nil, NO_THP end
    local all = support.thp(others or "never")
    return setmetatable({}, { __close = function()
        getmetatable(all).__close()
        getmetatable(host).__close()
    end })
end

local function pool(pages)
    local host = support.pool(pages, SIZE)
    return host, NO_POOL
end

-- How much text is in pages of 64 KiB, and that it is the file's, byte for byte, under tiexec as alone.
local function text_of(process)
    local sum = 0
    for _, m in ipairs(support.smaps(process.pid)) do
        if m.perms:find("x") and m.start >= 0 and m.path:sub(1, 1) ~= "[" or m.path:find("^%[anon") then
            sum = sum + m.stop - m.start
        end
    end
    return sum
end

local function sleeping(options)
    local words = table.move({ ample, "wait" }, 1, 2, #options + 1, options)
    return support.start_tiexec(words)
end

describe("--page-size=64K:", function()
    it("text is on them, by thp, as the page tables have it", function()
        local host <close>, why = thp("madvise")
        if not host then return pending(why) end
        local process <close> = sleeping { "--strict", "--page-size", "64K", "--sources", "thp" }
        assert.is_true(folios.of_text(process.pid, SIZE) >= text_of(process) - 12 * SIZE)
        assert.is_true(folios.of_text(process.pid, SIZE) > 2 * HUGE)
        assert.equal(0, (support.huge_text(process.pid)))
    end)

    it("a strategy may ask for a size for each range", function()
        local mode <close>, why = thp("madvise", "madvise")
        if not mode then return pending(why) end
        local folder <close> = support.folder()
        local path = folder.path .. "/mixed.lua"
        support.write_file(path, [[
local planner = require "tiexec.planner"
return { plan = function(inferior, host)
    for _, m in ipairs(inferior.executable.mappings) do
        local start = planner.inward(inferior, host, m)
        if m.kind == "text" and start then
            local size, middle = 64 << 10, start + host.huge_page_size
            return {
                { op = "remap", start = start, stop = middle },
                { op = "remap", start = middle, stop = planner.align_down(m.stop, size), page_size = size },
            }
        end
    end
end }]])
        local process <close> = sleeping { "--strict", "-s", path, "--sources", "thp", "--no-align" }
        local bytes, by = support.huge_text(process.pid)
        assert.equal("AnonHugePages", by)
        assert.is_true(bytes >= HUGE)
        assert.is_true(folios.of_text(process.pid, SIZE) > bytes)
    end)

    it_of_pool("text is on them, by hugetlb, as smaps says", function()
        local host <close>, why = pool(512)
        if not host then return pending(why) end
        local process <close> = sleeping { "--strict", "--page-size", "64K", "--sources", "hugetlb" }
        local bytes, by = support.huge_text(process.pid)
        assert.matches("_Hugetlb$", by) -- shared with children, or private
        assert.is_true(bytes > 2 * HUGE)
        for _, m in ipairs(support.smaps(process.pid)) do
            if support.huge_bytes(m) > 0 then assert.equal(SIZE, m.KernelPageSize) end
        end
    end)

    it("programs do what they do alone", function()
        local host <close>, why = thp("madvise")
        if not host then return pending(why) end
        for _, words in ipairs { { support.programs .. "moved", "brk" }, { support.programs .. "moved-static" },
            { little }, { "/bin/bash", "-c", "echo $((6 * 7)); exit 3" },
            { "/usr/bin/python3", "-c", "print(6 * 7)" } } do
            local plain = support.run(words)
            local result = support.run_tiexec { "--strict", "--page-size=64K", "--sources=thp", table.unpack(words) }
            local function without_base(text) return (text:gsub("0x%x+", "")) end
            assert.same({ plain.code, without_base(plain.out), "" },
                { result.code, without_base(result.out), result.err })
        end
    end)

    it("who may not see where pages lie goes by the kernel's counters", function()
        local host <close>, why = thp("madvise")
        if not host then return pending(why) end
        if not core.thp_bytes(SIZE) then return pending("this kernel does not count them (Linux 6.10)") end
        local here, remove = reachable.folder()
        local file = here .. "report"
        support.write_file(file, "")
        os.execute("chmod 666 " .. file)
        local process = support.start { "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--",
            here .. "build/tiexec", "--strict", "--page-size", "64K", "--sources", "thp", "--report", file,
            here .. "build/tests/ample", "wait" }
        local written = support.wait_for(function() return (support.read_file(file) or ""):find("\n") end)
        local report = written and json.decode(support.read_file(file))
        local bytes = folios.of_text(process.pid, SIZE)
        process:stop("KILL")
        remove()
        assert.is_true(bytes > 2 * HUGE)
        assert.equal(SIZE, report.huge_page_size)
        assert.is_true(report.totals.huge_bytes > 2 * HUGE)
    end)

    for _, others in ipairs { "never", "madvise" } do
        it(("the report and --inspect agree with the page tables, with others %s"):format(others), function()
            local host <close>, why = thp("madvise", others)
            if not host then return pending(why) end
            local folder <close> = support.folder()
            local file = folder.path .. "/report"
            local process <close> = sleeping { "--page-size", "64K", "--sources", "thp", "--report", file }
            local bytes = folios.of_text(process.pid, SIZE)
            local found = json.decode(support.run_tiexec {
                "--page-size", "64K", "--json", "--inspect", tostring(process.pid) }.out)
            assert.equal(bytes, found.totals.huge_bytes)
            local report, huge = json.decode(support.read_file(file)), 0
            for _, row in ipairs(report.mappings) do
                for _, some in ipairs(row.after.pages) do
                    if some.size >= SIZE then huge = huge + some.count * some.size end
                end
            end
            assert.equal(bytes, huge)
        end)
    end

    -- A process that was started without tiexec, and has no huge pages.
    local function resting()
        local process = support.start { ample, "wait" }
        assert.truthy(support.wait_for(function()
            return (core.readlink(("/proc/%d/exe"):format(process.pid)) or ""):find("ample$")
                and (support.read_file(("/proc/%d/stat"):format(process.pid)) or ""):find("%) S ")
        end))
        if not support.is_congruent(process.pid) then return process end
        process:stop("KILL")
        return resting()
    end

    local function attached_and_undone(source)
        local process <close> = resting()
        local before = support.read_file(("/proc/%d/maps"):format(process.pid))
        local function run(...)
            local result = support.run_tiexec { ... }
            assert.same({ 0, "" }, { result.code, result.err })
        end
        run("--page-size=64K", "--sources", source, "--attach", tostring(process.pid))
        assert.is_true(folios.of_text(process.pid, SIZE) > 2 * HUGE)
        run("--undo", tostring(process.pid))
        assert.equal(before, support.read_file(("/proc/%d/maps"):format(process.pid)))
    end

    it("--attach and --undo, by thp", function()
        local host <close>, why = thp("madvise")
        if not host then return pending(why) end
        attached_and_undone("thp")
    end)

    it_of_pool("--attach and --undo, by hugetlb", function()
        local host <close>, why = pool(512)
        if not host then return pending(why) end
        attached_and_undone("hugetlb")
    end)
end)

describe("what there is not is said, with what to do:", function()
    local function says(options, ...)
        local words = { "--strict", table.unpack(options) }
        words[#words + 1] = support.programs .. "bigtext"
        local result = support.run_tiexec(words)
        assert.equal(125, result.code)
        local line = failure.one_line(result)
        for _, text in ipairs { ... } do assert.truthy(line:find(text, 1, true), line) end
    end

    it("the switch of that size is off", function()
        local host <close>, why = thp("never")
        if not host then return pending(why) end
        says({ "--page-size=64K", "--sources=thp" },
            "of 64 KiB are off (echo madvise > /sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled)")
    end)

    it("the kernel has none of that size", function()
        says({ "--page-size=16M", "--sources=thp" }, "no transparent huge pages of 16 MiB")
        says({ "--page-size=16M", "--sources=hugetlb" }, "no hugetlb pages of 16 MiB")
    end)

    it("files and tmpfs have the PMD-sized ones alone", function()
        says({ "--page-size=64K", "--sources=file,shared" },
            ("file, shared: its pages are of %d MiB"):format(HUGE >> 20))
    end)

    for _, size in ipairs { "3M", "0", "4", "K", "-2M", "2T", "2M ", "", "99999999999999999999G", "1.5M" } do
        it(("'%s' is no size"):format(size), function()
            local result = support.run_tiexec { "--page-size=" .. size, "true" }
            assert.equal(125, result.code)
            assert.truthy(failure.one_line(result):find("is not the size of a page, such as 2M or 64K", 1, true))
        end)
    end
end)

describe("where it is set:", function()
    local function plan(environment, options)
        local words = { "env", "TIEXEC=" .. environment, support.tiexec, "--dry-run" }
        table.move(options, 1, #options, #words + 1, words)
        words[#words + 1] = ample
        return support.run(words).out
    end

    it("by TIEXEC, and by a profile", function()
        local folder <close> = support.folder()
        local profile = folder.path .. "/p.lua"
        support.write_file(profile, 'return { ["page-size"] = "64K", sources = { "thp" } }\n')
        for _, text in ipairs { plan("page-size=64K", {}), plan("", { "--profile", profile }) } do
            assert.truthy(text:find("%x0000%-%x+0000 "), text)
            local start, stop = text:match("remap%s+ample%s+(%x+)%-(%x+)")
            assert.truthy((tonumber(start, 16) | tonumber(stop, 16)) & HUGE - 1 ~= 0, text)
        end
    end)

    it("the PMD's size in bytes is as none", function()
        local start, stop = plan(("page-size=%d"):format(HUGE), {}):match("remap%s+ample%s+(%x+)%-(%x+)")
        assert.equal(0, (tonumber(start, 16) | tonumber(stop, 16)) & HUGE - 1)
    end)
end)

describe("text not worth a PMD-sized page:", function()
    local function start() return support.start_tiexec { "sleep", "1000" } end

    if CONTIGUOUS == 0 then
        it("stays, where the TLB knows no others", function()
            local host <close>, why = thp("madvise")
            if not host then return pending(why) end
            local process <close> = start()
            assert.equal(0, folios.of_text(process.pid, SIZE))
        end)
    elseif CONTIGUOUS == SIZE then
        it("is on the smaller ones, where they are to be had", function()
            local host <close>, why = pool(64)
            if not host then return pending(why) end
            local process <close> = start()
            local bytes, by = support.huge_text(process.pid)
            assert.matches("_Hugetlb$", by) -- shared with children, or private
            assert.is_true(bytes >= SIZE)
        end)

        it("stays, without a word, where none are to be had", function()
            local host <close>, why = pool(0)
            if not host then return pending(why) end
            local process <close> = start()
            assert.equal(0, (support.huge_text(process.pid)))
        end)
    end
end)
