-- SPDX-License-Identifier: Apache-2.0
-- A kernel with CONFIG_READ_ONLY_THP_FOR_FS: it joins cached pages of text to huge ones on a filesystem without large
-- folios (ext4 before Linux 6.16), when it is asked to (MADV_COLLAPSE, Linux 6.1), and in its own time (khugepaged).
-- Run as root in a guest of its own: tests/vm/kernels.

local core = require "tiexec.core"
local json = require "dkjson"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = core.constants
local HUGE <const> = core.host().huge_page_size
local EXT4 <const>, KHUGEPAGED <const> = "/home", "/sys/kernel/mm/transparent_hugepage/khugepaged/"
local major, minor = core.host().kernel:match("^(%d+)%.(%d+)")
local ON_DEMAND <const> = tonumber(major) * 100 + tonumber(minor) >= 601

-- Runs a shell command that must not fail.
local function sh(format, ...)
    local result = support.shell(format:format(...))
    assert.equal(0, result.code, result.err)
end

local function install(folder, name)
    local path = folder .. "/" .. name
    sh("cp --remove-destination %s%s %s", support.programs, name, path)
    return path
end

-- Has the whole file in the page cache, on small pages that are like the disk's.
local function cache(path)
    sh("sync; echo 1 >/proc/sys/vm/drop_caches; cat %s >/dev/null", path)
end

-- Has nothing of it there.
local function drop(path)
    sh("sync %s; echo 1 >/proc/sys/vm/drop_caches", path)
end

-- Starts a program that waits, and gives what the report says of its largest text.
local function start(path, options)
    os.remove("/run/report")
    local words = support.concat({ "env", "TIEXEC_CACHE=/nowhere", support.tiexec, "--report", "/run/report" }, options,
        { path, "wait" })
    local process = support.start(words)
    assert.is_truthy(support.wait_for(function() return support.has_become(process.pid, path) end, 60))
    local largest = { bytes = 0 }
    for _, row in ipairs(json.decode(support.read_file("/run/report")).mappings) do
        if row.bytes > largest.bytes then largest = row end
    end
    return process, table.concat(largest.why, "; ")
end

-- That the text of a process is its file's, and on huge pages but for the ends.
local function assert_joined(process, path, why)
    local huge, of_file = 0, true
    for _, m in ipairs(support.smaps(process.pid)) do
        if m.perms:find("x") and (m.FilePmdMapped or 0) > 0 then
            huge, of_file = huge + m.FilePmdMapped, of_file and m.path == path
        end
    end
    assert.is_true(of_file)
    assert.is_true(huge >= 2 * HUGE, ("%d MiB: %s"):format(huge >> 20, why))
end

-- That the program does under tiexec what it does alone.
local function assert_right(path)
    local plain = support.run { path, "brk" }
    local result = support.run { "env", "TIEXEC_CACHE=/nowhere", support.tiexec, "--sources", "file", path, "brk" }
    local function without_base(text) return (text:gsub("0x%x+", "")) end
    assert.same({ 0, without_base(plain.out), "" }, { result.code, without_base(result.out), result.err })
end

describe("MADV_COLLAPSE of text on ext4: `file`", function()
    if not ON_DEMAND then
        it("says what it needs, and a start goes on to copies", function()
            local path = install(EXT4, "moved-fixed-aligned")
            local process <close>, why = start(path, { "--sources=file" })
            assert.equal(0, (support.huge_text(process.pid)))
            assert.matches("needs Linux 5.18", why)
            local other <close> = start(path)
            assert.equal("AnonHugePages", select(2, support.huge_text(other.pid)))
        end)
        return
    end

    local states = { ["cached in small pages"] = cache, ["not cached"] = drop,
        ["just written"] = function() end,
        ["cached in part"] = function(path)
            drop(path)
            sh("dd if=%s of=/dev/null bs=64k count=40 status=none", path)
        end }
    for state, prepare in pairs(states) do
        for _, name in ipairs { "moved", "moved-fixed-aligned" } do
            it(("serves at the first start: %s, %s"):format(name, state), function()
                local path = install(EXT4, name)
                prepare(path)
                local process <close>, why = start(path, { "--sources=file" })
                assert_joined(process, path, why)
                assert_right(path)
            end)
        end
    end

    -- Where large folios alone have huge pages, such pages would have to stay small.
    it("serves while other processes have the same pages small", function()
        local path = install(EXT4, "moved")
        cache(path)
        local other <close> = support.start { path, "wait" }
        assert.is_truthy(support.wait_for(function() return support.has_become(other.pid, path) end))
        local process <close>, why = start(path, { "--sources=file" })
        assert_joined(process, path, why)
        assert.is_true(other:is_alive())
    end)

    it("serves on overlayfs above ext4, as containers have it", function()
        local folder <close> = support.folder(EXT4)
        sh("cd %s && mkdir lower upper work merged", folder.path)
        cache(install(folder.path .. "/lower", "moved"))
        sh("cd %s && mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged", folder.path)
        local path = folder.path .. "/merged/moved"
        local _ <close> = setmetatable({}, { __close = function() sh("umount -l %s/merged", folder.path) end })
        local process <close>, why = start(path, { "--sources=file" })
        assert_joined(process, path, why)
    end)

    it("is first by default, before copies", function()
        local path = install(EXT4, "moved")
        local process <close>, why = start(path)
        assert_joined(process, path, why)
    end)

    -- The kernel drops all that is cached of such a file when somebody may write to it.
    it("serves again after its file was opened for writing, which keeps its bytes", function()
        local path = install(EXT4, "moved")
        do
            local process <close>, why = start(path, { "--sources=file" })
            assert_joined(process, path, why)
        end
        local bytes = support.read_file(path)
        sh("dd if=/dev/null of=%s conv=notrunc count=0 status=none", path)
        assert.is_true(bytes == support.read_file(path))
        local process <close>, why = start(path, { "--sources=file" })
        assert_joined(process, path, why)
    end)

    it("is said to work by --check, with and without a program", function()
        local path = install(EXT4, "moved")
        cache(path)
        for _, words in ipairs { { path }, {} } do
            local value = json.decode(support.run_tiexec(support.concat({ "--check", "--json" }, words)).out)
            assert.is_true(value.sources.file.works, value.sources.file.why)
        end
    end)

    it("is what --inspect advises", function()
        local path = install(EXT4, "moved")
        cache(path)
        local plain <close> = support.start { path, "wait" }
        assert.is_truthy(support.wait_for(function() return support.has_become(plain.pid, path) end))
        local result = support.run_tiexec { "--inspect", tostring(plain.pid) }
        assert.matches("by file", result.out)
    end)
end)

describe("khugepaged:", function()
    -- The kernel's defaults are 10 s between scans of 16 MiB.
    local settings = { scan_sleep_millisecs = "10", alloc_sleep_millisecs = "10", pages_to_scan = "100000" }
    local before = {}
    setup(function()
        for name, value in pairs(settings) do
            before[name] = support.read_file(KHUGEPAGED .. name)
            support.write_file(KHUGEPAGED .. name, value)
        end
    end)
    teardown(function()
        for name, value in pairs(before) do support.write_file(KHUGEPAGED .. name, value) end
    end)

    -- Waits until the text of a process is joined. Each huge page is touched: the kernel maps it then.
    local function is_joined(process, start_of, stop)
        return support.wait_for(function()
            for at = start_of, stop - 1, HUGE do support.memory_of(process.pid, at, 1) end
            return select(2, support.huge_text(process.pid)) == "FilePmdMapped"
        end)
    end

    -- A program that waits, at a congruent address. `advise`: with advice for its text.
    local function waiting(advise)
        local path = install(EXT4, "moved-fixed-aligned")
        cache(path)
        local inferior = assert(tiexec.launch { path, "wait" })
        local text = support.largest_text(inferior)
        assert.equal(0, text.start - text.offset & HUGE - 1)
        if advise then
            assert(inferior:remote_syscall("madvise", text.start, text.stop - text.start, c.MADV_HUGEPAGE))
        end
        local pid = inferior:pid()
        assert(inferior:detach())
        inferior:close()
        return setmetatable({ pid = pid }, { __close = function() os.execute("kill -KILL " .. pid) end }),
            (text.start + HUGE - 1) & -HUGE, text.stop & -HUGE
    end

    it("joins text that has the advice MADV_HUGEPAGE", function()
        local process <close>, from, to = waiting(true)
        assert.is_truthy(is_joined(process, from, to))
    end)

    it("leaves text alone that has none", function()
        local advised <close>, from, to = waiting(true)
        local process <close> = waiting(false)
        assert.is_truthy(is_joined(advised, from, to))
        assert.equal(0, (support.huge_text(process.pid)))
    end)
end)
