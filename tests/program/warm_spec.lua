-- SPDX-License-Identifier: Apache-2.0
-- --warm: plain starts after it have huge text, no byte is read twice, and of what stays small is said why.

local core = require "tiexec.core"
local disk = require "tests.lib.disk"
local json = require "dkjson"
local support = require "tests.lib.support"

local name <const> = "bigtext_no_pie"
local BESIDE <const> = 1 << 20 -- of the filesystem itself: folders, inodes, maps of blocks
local HEADERS <const> = 1 << 16 -- which are read past the page cache
local HUGE <const> = core.host().huge_page_size
local NO_FOLIOS <const> = "this filesystem has no large folios"

local function warm(...) return support.run_tiexec { "--warm", ... } end

-- What is told of each file, by its path.
local function rows(...)
    local result = warm("--json", ...)
    local value, _, why = json.decode(result.out)
    assert(value, why)
    local by_path = {}
    for _, row in ipairs(value.files) do by_path[row.path] = row end
    return by_path, result.code
end

-- Starts a program plainly, and waits until it has read all of its text.
local function start(path, folder, argument)
    local heard = folder .. "/heard"
    os.remove(heard)
    local process = support.start({ path, argument ~= false and "wait" or nil }, ">" .. heard)
    assert.is_truthy(support.wait_for(function()
        return process:is_alive() and (support.read_file(heard) or ""):find("\n", 1, true)
    end) or nil)
    return process
end

-- What the files' own mappings in a process have on huge pages.
local function file_huge(pid, path)
    local sum = 0
    for _, m in ipairs(support.smaps(pid)) do
        if m.perms:find("x") and m.path == path then sum = sum + (m.FilePmdMapped or 0) end
    end
    return sum
end

local function with_disk(what, test, options)
    it(what, function()
        local here <close>, why = disk.make(name, options)
        if not here then return pending(why) end
        test(here)
    end)
end

describe("--warm", function()
    local mode
    setup(function() mode = support.thp("madvise") end)
    teardown(function() if mode then getmetatable(mode).__close() end end)

    with_disk("reads each file once; a plain start has huge text then, and reads nothing", function(here)
        local code
        local bytes = here:read_by(function() code = warm(here.path).code end)
        if code ~= 0 then return pending(NO_FOLIOS) end
        assert.is_true(bytes >= 100 << 20, bytes)
        assert.is_true(bytes <= here:size() + BESIDE, bytes .. " of " .. here:size())
        local more = here:read_by(function()
            local process <close> = start(here.path, here.folder.path)
            assert.is_true(file_huge(process.pid, here.path) >= 98 << 20)
        end)
        assert.is_true(more <= BESIDE, more) -- symbols, data and the like
        more = here:read_by(function() assert.equal(0, warm(here.path).code) end)
        assert.is_true(more <= HEADERS, more)
    end)

    with_disk("what is cached small is compared, dropped, and read again", function(here)
        support.shell(("cat %s >/dev/null"):format(here.path))
        local found, code
        local bytes = here:read_by(function() found, code = rows(here.path) end)
        if code ~= 0 then return pending(NO_FOLIOS) end
        local row = found[here.path]
        assert.is_true(row.huge_before < row.bytes)
        assert.equal(row.bytes, row.huge_bytes)
        assert.is_true(bytes <= 2 * here:size() + BESIDE, bytes)
        local process <close> = start(here.path, here.folder.path)
        assert.is_true(file_huge(process.pid, here.path) >= 98 << 20)
    end)

    with_disk("says which process maps a file small, and leaves that alone", function(here)
        local other <close> = start(here.path, here.folder.path)
        local found, code
        local bytes = here:read_by(function() found, code = rows(here.path) end)
        local row = found[here.path]
        if row.huge_bytes == row.bytes then return pending "the kernel has made it huge of itself" end
        assert.equal(1, code)
        assert.equal("mapped-small", row.code)
        local words = ("mapped small by process %d (%s)"):format(other.pid, name:sub(1, 15))
        assert.equal(words, row.why)
        assert.is_true(bytes <= BESIDE, bytes)
        assert.matches(words, warm(here.path).out, 1, true)
        assert.is_true(other:is_alive())
    end)

    with_disk("says that a filesystem has no large folios", function(here)
        local found, code = rows(here.path)
        assert.equal(1, code)
        assert.equal("folios-unavailable", found[here.path].code)
        assert.equal(0, found[here.path].huge_bytes)
    end, "-O encrypt")

    with_disk("with --recache=never nothing that is cached is dropped", function(here)
        support.shell(("cat %s >/dev/null"):format(here.path))
        local bytes = here:read_by(function() assert.equal(1, warm("--recache=never", here.path).code) end)
        assert.is_true(bytes <= BESIDE, bytes)
    end)

    with_disk("--keep holds them in memory until a signal", function(here)
        local report = here.folder.path .. "/report"
        local keeper <close> = support.start({ support.tiexec, "--warm", "--keep", here.path }, ">" .. report)
        support.wait_for(function()
            return (support.read_file(report) or ""):find(name, 1, true) or not keeper:is_alive()
        end)
        if not keeper:is_alive() then return pending(NO_FOLIOS) end
        local huge, locked = 0, 0
        for _, m in ipairs(support.smaps(keeper.pid)) do
            if m.path == here.path then huge, locked = huge + m.FilePmdMapped, locked + m.Locked end
        end
        assert.is_true(huge >= 98 << 20, huge)
        assert.is_true(locked >= huge) -- root may lock all
        support.shell("dd if=" .. here.path .. " iflag=nocache count=0") -- has the kernel drop what it can
        assert.is_true(here:read_by(function() assert.equal(0, warm(here.path).code) end) <= BESIDE)
        assert.equal(15, keeper:stop("TERM"))
    end)

    it("deals with what programs need, by RUNPATH and $ORIGIN", function()
        local folder <close> = support.folder()
        os.execute(("cp %sneedy %sloadable %s"):format(support.programs, support.programs, folder.path))
        local library = folder.path .. "/loadable"
        local found = rows(folder.path .. "/needy")
        local row = assert(found[library])
        assert.equal(folder.path .. "/needy", row.needed_by)
        if row.huge_bytes < row.bytes then return pending(NO_FOLIOS) end
        local process <close> = start(folder.path .. "/needy", folder.path, false)
        if not core.places_congruent(library) then return pending "this kernel does not place libraries congruently" end
        assert.is_true(file_huge(process.pid, library) > 0)
    end)

    it("finds the libraries that ldd finds, and starts nothing", function()
        local compared = 0
        for _, program in ipairs { "bash", "python3", "postgres", "node", "prometheus", "gdb", "curl" } do
            local path = core.find(program)
            path = path and core.realpath(path)
            local told = path and support.run({ "ldd", path })
            if told and told.code == 0 then
                compared = compared + 1
                local found = rows(path)
                for library in told.out:gmatch("%s(/%S+)") do
                    assert.is_truthy(found[core.realpath(library)], program .. " needs " .. library)
                end
            end
        end
        assert.is_true(compared > 0)
    end)

    it("takes the interpreter of a script, too", function()
        local folder <close> = support.folder()
        for _, line in ipairs { "#!" .. core.realpath(core.find "bash"), "#!/usr/bin/env -S bash -e" } do
            support.write_file(folder.path .. "/script", line .. "\n")
            os.execute("chmod +x " .. folder.path .. "/script")
            local found = rows(folder.path .. "/script")
            assert.is_truthy(found[core.realpath(core.find "bash")], line)
        end
    end)

    it("--profiles takes what profiles name", function()
        local folder <close> = support.folder()
        os.execute(("mkdir -p %s/tiexec/profiles.d %s/a/b; cp %sneedy %sloadable %s/a/b"):format(folder.path,
            folder.path, support.programs, support.programs, folder.path))
        support.write_file(folder.path .. "/tiexec/profiles.d/a.lua", ([[return {
            { match = { path = "%s" } }, { match = { glob = "%s/*/?/needy" } }, { match = { basename = "bash" } },
            { match = { path = "/nosuch" } }, {} }]]):format(core.realpath "/bin/true", folder.path))
        local result = support.run { "env", "XDG_CONFIG_HOME=" .. folder.path, support.tiexec, "--profiles", "--json",
            "--warm" }
        assert.equal("", result.err)
        local asked = {}
        for _, row in ipairs(json.decode(result.out).files) do
            if not row.needed_by then asked[row.path] = true end
        end
        assert.same({ [core.realpath "/bin/true"] = true, [folder.path .. "/a/b/needy"] = true,
            [core.realpath(core.find "bash")] = true }, asked)
    end)

    it("names what has too little text, what is no program, and what is not there", function()
        local found, code = rows("/bin/true")
        assert.equal("too-small", found[core.realpath "/bin/true"].code)
        assert.equal(0, code)
        found, code = rows("/etc/passwd")
        assert.equal("no-program", (found["/etc/passwd"] or {}).code)
        assert.equal(1, code)
        local result = warm("/nosuch/program")
        assert.equal(1, result.code)
        assert.equal("tiexec: /nosuch/program: No such file or directory\n", result.err)
        assert.equal(125, warm().code)
        assert.equal(125, support.run_tiexec({ "--keep", "true" }).code)
    end)

    it("counts in whole huge pages of the host", function()
        local program = core.find("node") or core.find("prometheus")
        if not program then return pending "no large program" end
        local row = rows(program)[core.realpath(program)]
        assert.equal(0, row.bytes % HUGE)
        assert.is_true(row.huge_bytes <= row.bytes and row.huge_before <= row.huge_bytes)
    end)
end)
