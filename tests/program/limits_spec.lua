-- SPDX-License-Identifier: Apache-2.0
-- Giving up the old before the new is sure: a process that may have no more address space, data, or open files, or
-- nearly no more mappings. Attaching and undoing are done, or one line says why not; nothing is half done.

local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local program <const> = support.programs .. "properties"

local cache, mode
setup(function() cache, mode = support.folder("/dev/shm"), support.thp("madvise") end)
teardown(function()
    getmetatable(cache).__close(cache)
    if mode then getmetatable(mode).__close() end
end)

local function words(more)
    return support.concat({ "env", "TIEXEC_CACHE=" .. cache.path, support.tiexec }, more)
end

-- The executable's text, and whatever else lies there, but for the heap, which begins anywhere. Neighbours that are
-- alike count as one mapping: advice that was given for a part (MADV_HUGEPAGE), and that nothing can take back,
-- divides them in maps.
local function picture(pid)
    local lines, last = {}, {}
    for line in support.read_file(("/proc/%d/maps"):format(pid)):gmatch("[^\n]+") do
        local start, stop, perms, offset, file = line:match("^(%x+)%-(%x+) (%S+) (%x+) (.*)$")
        start, stop, offset = tonumber(start, 16), tonumber(stop, 16), tonumber(offset, 16)
        local is_alike = last.stop == start and last.kind == perms .. file and last.bias == start - offset
        if start >= 0x400000 and start < 0xb00000 and not file:find("[heap]", 1, true) then
            last = { start = is_alike and last.start or start, stop = stop, kind = perms .. file,
                bias = start - offset }
            lines[is_alike and #lines or #lines + 1] = ("%x-%x %s"):format(last.start, stop, perms .. file)
        end
    end
    return lines
end

-- Starts the program, and waits until tiexec has let it go and it is past its dynamic linker, which needs files.
local function start(command)
    local folder <close> = support.folder()
    local process = support.start(command, (">%s/out"):format(folder.path))
    assert(support.wait_for(function()
        return (support.read_file(folder.path .. "/out") or ""):find("^ready\n")
            and support.has_become(process.pid, "properties")
    end))
    return process
end

local LIMITS <const> = { "--as", "--data", "--nofile", "--memlock" }

-- Lets the process have no more than it has now.
local function limit(pid, which)
    local kib = { ["--as"] = core.status(pid, "VmSize"), ["--data"] = core.status(pid, "VmData") }
    local value = kib[which] and kib[which] << 10 or which == "--nofile" and 3 or 0
    assert.equal(0, support.run({ "prlimit", "--pid", ("%d"):format(pid), ("%s=%d:"):format(which, value) }).code)
end

local function check(process, option, source, before)
    local more = source and { "--sources", source } or {}
    local command = words(support.concat(more, { option, ("%d"):format(process.pid) }))
    local result = support.run(support.concat({ "timeout", "-k", "3", "60" }, command))
    assert.is_true(process:is_alive())
    if result.code == 0 then
        local is_idle = result.err:find("there is nothing to undo", 1, true)
            or result.err:find("its text is on huge pages already", 1, true) -- from the page cache, unasked
        assert.is_true(result.err == "" or is_idle ~= nil, result.err)
        return true
    end
    assert.equal(1, result.code)
    failure.one_line(result)
    assert.same(before, picture(process.pid))
    return false
end

for _, which in ipairs(LIMITS) do
    for _, source in ipairs { "file", "shared", "thp" } do
        it(("%s at its limit: attaching by %s is done, or nothing is"):format(which, source), function()
            local process <close> = start { program, "none" }
            limit(process.pid, which)
            check(process, "--attach", source, picture(process.pid))
        end)

        it(("%s at its limit: undoing %s is done, or nothing is"):format(which, source), function()
            local plain <close> = start { program, "none" }
            local process <close> = start(words { "--sources", source, program, "none" })
            limit(process.pid, which)
            if check(process, "--undo", nil, picture(process.pid)) then
                assert.same(picture(plain.pid), picture(process.pid))
            end
        end)
    end
end

it("with hardly any data of its own, CMD runs as it does by itself, and one line says why", function()
    if support.sanitized then return pending("AddressSanitizer needs more") end
    local lines = 0
    for kib = 100, 800, support.patience > 1 and 140 or 20 do
        local limited = { "prlimit", ("--data=%d"):format(kib << 10), "--" }
        local plain = support.run(support.concat(limited, { "/bin/echo", "alive" }))
        -- with a setting in force, as without one echo is started at once
        local result = support.run(support.concat({ "env", "TIEXEC=align=1" }, limited,
            { support.tiexec, "/bin/echo", "alive" }))
        -- the dynamic linker may not even get so far as to start tiexec
        if plain.code == 0 and not result.err:find("^cannot allocate TLS") then
            failure.same_end(plain, result)
            if result.err ~= "" then assert.matches("^tiexec: [^\n]+\n$", result.err) end
            lines = lines + (result.err ~= "" and 1 or 0)
        end
    end
    assert.is_true(lines > 0)
end)
