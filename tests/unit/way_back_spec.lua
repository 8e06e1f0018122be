-- SPDX-License-Identifier: Apache-2.0
-- Giving up the old before the new is sure. Each remote system call fails once, with each error that limits and
-- seals give: for each source, and for undo. The bytes are the same, all text can be executed, and what failed says
-- so; seen from outside.

local core = require "tiexec.core"
local pieces = require "tiexec.sources.pieces"
local sources = require "tiexec.sources"
local support = require "tests.lib.support"
local targets = require "tiexec.harness.targets"
local tiexec = require "tiexec"
local undo = require "tiexec.remap.undo"

local c = core.constants
local HUGE <const> = core.host().huge_page_size
local program = support.programs .. "moved-fixed"
local errors <const> = { "EPERM", "ENOMEM", "EINVAL" }

-- "start-stop perms offset path" of each mapping.
local function picture(inferior)
    local lines = {}
    for _, m in ipairs(inferior:mappings()) do
        lines[#lines + 1] = ("%x-%x %s %x %s"):format(m.start, m.stop, m.perms, m.offset, m.path)
    end
    return lines
end

local function text_of(inferior)
    local text = support.largest_text(inferior)
    return text, { start = (text.start + HUGE - 1) & -HUGE, stop = text.stop & -HUGE }
end

-- Whether each byte of a range is executable.
local function is_executable(inferior, range)
    local at = range.start
    for _, m in ipairs(inferior:mappings()) do
        if m.start <= at and at < m.stop and m.perms:find("x", 1, true) then at = m.stop end
    end
    return at >= range.stop
end

-- Makes the nth call fail; with `from`, all calls from the nth on.
local function failing(call, n, error, from)
    local count = 0
    return function(...)
        count = count + 1
        if count == n or from and count > n then return nil, "made to fail", c[error] end
        return call(...)
    end, function() return count end
end

local function finish(inferior)
    inferior:kill()
    inferior:wait()
end

-- Has a source serve a range, whose nth call fails. Gives whether it did, why not, and the number of calls.
local function try(name, inferior, range, n, error, from)
    local target = targets.of(inferior)
    local call, count = failing(target.call, n, error, from)
    local host, source = require "tiexec.harness.hosts".describe(), sources.get(name)
    local part, why = sources.fit(source, target, range, host)
    if not part then return nil, why end
    target.call = call
    local ok
    ok, why = source.replace(target, part, host, {})
    return ok, why, count()
end

describe("a source whose system calls fail, one or all from one on", function()
    local cache, mode, pool
    local getenv = os.getenv
    setup(function()
        support.run_tiexec { program }
        cache, mode, pool = support.folder("/dev/shm"), support.thp("madvise"), support.pool(8)
        rawset(os, "getenv", function(name)
            return name == "TIEXEC_CACHE" and cache.path or getenv(name)
        end)
    end)
    teardown(function()
        rawset(os, "getenv", getenv)
        getmetatable(cache).__close(cache)
        for _, undone in pairs { mode or nil, pool or nil } do getmetatable(undone).__close(undone) end
    end)

    for _, name in ipairs { "file", "shared", "thp", "hugetlb" } do
        for _, from in ipairs { false, true } do
            it(("%s: text stays whole and right%s"):format(name, from and ", all from one on" or ""), function()
                local served = 0
                for i, error in ipairs(errors) do
                    local n, tried = i - 1
                    repeat
                        n = n + #errors -- each error at every third call
                        local inferior <close> = assert(tiexec.launch { program })
                        local text, range = text_of(inferior)
                        local before = picture(inferior)
                        local snapshot <close> = assert(inferior:snapshot { { start = text.start, stop = text.stop } })
                        local ok, why, calls = try(name, inferior, range, n, error, from)
                        if not calls then
                            finish(inferior)
                            return pending(why)
                        end
                        tried = calls
                        served = served + (ok and 1 or 0)
                        assert.is_true(snapshot:verify())
                        assert.is_true(is_executable(inferior, text))
                        if not ok and not from then assert.same(before, picture(inferior), error .. n) end
                        if not ok then assert.is_string(why) end
                        finish(inferior)
                    until n > tried
                end
                if not from then assert.is_true(served > 0) end
            end)
        end

        it("undo after " .. name .. ": text stays whole, and success is told only where it is one", function()
            for i, error in ipairs(errors) do
                local n, tried = i - 1
                repeat
                    n = n + #errors
                    local inferior <close> = assert(tiexec.launch { program })
                    local text, range = text_of(inferior)
                    local plain = picture(inferior)
                    local ok, why = try(name, inferior, range, 0)
                    if not ok then
                        finish(inferior)
                        return pending(why)
                    end
                    local snapshot <close> = assert(inferior:snapshot { { start = text.start, stop = text.stop } })
                    local call, count = failing(function(_, ...) return inferior:remote_syscall(...) end, n, error)
                    local shy = setmetatable({}, { __index = function(_, key)
                        if key == "remote_syscall" then return call end
                        return function(_, ...) return inferior[key](inferior, ...) end
                    end })
                    local prepared = assert(undo.prepare(inferior, core.host()))
                    local undone = assert(undo.run(shy, core.host(), prepared))
                    local bytes, complaints = undo.result(inferior, core.host(), prepared, undone)
                    tried = count()
                    assert.is_true(snapshot:verify())
                    assert.is_true(is_executable(inferior, text))
                    if bytes > 0 and #complaints == 0 then
                        assert.same(plain, picture(inferior), error .. n)
                    end
                    if bytes == 0 then assert.is_true(#complaints > 0) end
                    finish(inferior)
                until n > tried
            end
        end)
    end
end)

describe("putting pieces back", function()
    it("says what could not be put back, and tries the others", function()
        local tried = {}
        local target = { call = function(name, start)
            tried[#tried + 1] = ("%s %x"):format(name, start)
            if start == 0x2000 then return nil, "Operation not permitted", c.EPERM end
            return start
        end, mappings = function() return {} end, executable = function() return c.PROT_EXEC end,
        name = function() end, pages = function() return {} end }
        local list = {}
        for i = 1, 3 do
            list[i] = { start = i * 0x1000, stop = (i + 1) * 0x1000, perms = "r-xp", protection = 5, offset = 0 }
        end
        local ok, why = pieces.restore(target, list, 7)
        assert.same({ false, "Operation not permitted" }, { ok or false, why })
        assert.same("mmap 1000 mmap 2000 mmap 3000", table.concat(tried, " ", 1, 3))
        assert.is_nil((pieces.protect(target, list)))
    end)
end)
