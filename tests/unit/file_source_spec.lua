-- SPDX-License-Identifier: Apache-2.0
-- The `file` source with a failure at each of its steps: the range is the file's huge pages, or all of
-- the process's mappings are as they were.

local core = require "tiexec.core"
local file = require "tiexec.sources.file"
local targets = require "tiexec.harness.targets"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = core.constants
local host = core.host()
local HUGE <const> = host.huge_page_size
local program = support.programs .. "moved-fixed"

-- "start-stop perms offset path flags" of each mapping, the huge page advice among the flags.
local function picture(inferior)
    local lines = {}
    for _, m in ipairs(inferior:mappings(true)) do
        lines[#lines + 1] = ("%x-%x %s %x %s %s"):format(m.start, m.stop, m.perms, m.offset, m.path, m.vm_flags)
    end
    return lines
end

-- The object's text at the exec stop, and that rounded outward.
local function text_of(inferior)
    local text = support.largest_text(inferior)
    return text, { start = text.start & -HUGE, stop = (text.stop + HUGE - 1) & -HUGE }
end

local function launch(path)
    local inferior = assert(tiexec.launch { path or program })
    return inferior, text_of(inferior)
end

local function rights(inferior)
    local list = {}
    for i, m in ipairs(inferior:mappings()) do list[i] = ("%x-%x %s"):format(m.start, m.stop, m.perms) end
    return list
end

-- A process whose nth system call fails, and a count of them. So does `never`, if it is given.
local function failing(target, n, never)
    local count = 0
    return setmetatable({ call = function(name, ...)
        count = count + 1
        if count == n or name == never then return nil, name .. ": made to fail", c.ENOMEM end
        return target.call(name, ...)
    end }, { __index = target }), function() return count end
end

local function finish(inferior)
    inferior:kill()
    inferior:wait()
end

-- Drops what is cached of a file; then a plain run reads it again, into small pages.
local function cache_small(path)
    support.run { "dd", "of=" .. path, "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none" }
    support.run { path }
end

describe("the file source", function()
    setup(function() support.run_tiexec { program } end) -- the page cache has huge pages, if it can

    local function supported()
        local process_ <close> = support.start_tiexec { "--sources", "file", program, "wait" }
        return select(2, support.huge_text(process_.pid)) == "FilePmdMapped"
    end

    it("leaves the file's bytes, on the file's huge pages, and all other mappings alone", function()
        if not supported() then return pending("this filesystem has no large folios") end
        local inferior <close>, text, range = launch()
        local target = targets.of(inferior)
        local part = assert(file.fit(target, range, host))
        assert.same({ range.start, text.stop & -HUGE }, { part.start, part.stop })
        local snapshot <close> = assert(inferior:snapshot { { start = part.start, stop = part.stop } })
        local outside = {}
        for _, line in ipairs(picture(inferior)) do
            local start = tonumber(line:match("^%x+"), 16)
            if start < part.start or start >= text.stop then outside[#outside + 1] = line end
        end
        assert(file.replace(target, part, host, {}))
        assert.is_true(snapshot:verify())
        local after = {}
        for _, m in ipairs(support.smaps(inferior:pid())) do
            if m.start == part.start then
                assert.same({ part.stop, "r-xp", part.stop - part.start }, { m.stop, m.perms, m.FilePmdMapped })
                assert.matches("moved%-fixed$", m.path)
            end
        end
        for _, line in ipairs(picture(inferior)) do
            local start = tonumber(line:match("^%x+"), 16)
            if start < part.start or start >= text.stop then after[#after + 1] = line end
        end
        assert.same(outside, after)
        finish(inferior)
    end)

    -- Without mprotect nothing can be joined in place. Where it can, a failure there has a second way.
    for _, case in ipairs { { "huge", 0 }, { "huge", 5, "mprotect" }, { "small", 0 }, { "small", 5, "mprotect" } } do
        local cached, least, never = table.unpack(case)
        it(("undoes itself when a system call fails, whichever it is; cached pages are %s%s"):format(cached,
            never and ", without " .. never or ""), function()
            if not supported() then return pending("this filesystem has no large folios") end
            local step = support.patience > 1 and 3 or 1 -- on emulated CPUs every third call
            local n, failed, tried = 1 - step, 0
            repeat
                n = n + step
                if cached == "small" then cache_small(program) end
                local inferior <close>, _, range = launch()
                local before = picture(inferior)
                local target, count = failing(targets.of(inferior), n, never)
                local part = assert(file.fit(target, range, host))
                local snapshot <close> = assert(inferior:snapshot { { start = part.start, stop = part.stop } })
                local ok = file.replace(target, part, host, {})
                if not ok then
                    failed = failed + 1
                    assert.same(before, picture(inferior), "call " .. n)
                end
                assert.is_true(snapshot:verify())
                tried = count()
                finish(inferior)
            until n > tried -- nothing was left to fail
            assert.is_true(failed >= least // step)
        end)
    end

    it("protects all as it was when a system call fails in place, whichever it is", function()
        if not supported() then return pending("this filesystem has no large folios") end
        -- What is read before it is replaced gets a page table, in the place of which only new kernels put a huge page.
        local n, failed, bytes = 0, 0, support.read_file(program)
        local done, tried
        repeat
            -- Who ran the program before may still have mapped it small for a moment.
            if n % 10 == 0 then support.run_tiexec { program } end
            n = n + 1
            assert.is_true(n < 100, "its pages stay small")
            local inferior <close>, _, range = launch()
            local before, target, count = rights(inferior), failing(targets.of(inferior), n)
            local part = assert(file.fit(target, range, host))
            done = file.replace_in_place(target, part, host)
            assert.is_true(bytes:sub(part.start - part.base + 1, part.stop - part.base)
                == inferior:read_memory(part.start, part.stop - part.start))
            if not done then
                failed = failed + 1
                assert.same(before, rights(inferior), "call " .. n)
            end
            tried = count()
            finish(inferior)
        until done and n > tried -- nothing was left to fail
        assert.is_true(failed >= 3, failed .. " failures")
    end)

    it("changes nothing where the file cannot be opened, which a way back needs", function()
        if not supported() then return pending("this filesystem has no large folios") end
        local inferior <close>, _, range = launch()
        local before, protected = rights(inferior), 0
        local target = targets.of(inferior)
        local shut = setmetatable({
            open = function() return nil, "made to fail" end,
            call = function(name, ...)
                if name == "mprotect" then protected = protected + 1 end
                if name == "madvise" then return nil, "made to fail", c.EINVAL end
                return target.call(name, ...)
            end,
        }, { __index = target })
        local ok, why = file.replace(shut, assert(file.fit(target, range, host)), host, {})
        assert.same({ false, "made to fail" }, { ok or false, why })
        assert.equal(0, protected)
        assert.same(before, rights(inferior))
        finish(inferior)
    end)

    it("does without MADV_POPULATE_READ, which Linux 5.14 brought", function()
        if not supported() then return pending("this filesystem has no large folios") end
        local inferior <close>, _, range = launch()
        local target, refused = targets.of(inferior), 0
        local old = setmetatable({ call = function(name, ...)
            if name == "madvise" and select(3, ...) == c.MADV_POPULATE_READ then
                refused = refused + 1
                return nil, "madvise: Invalid argument", c.EINVAL
            end
            return target.call(name, ...)
        end }, { __index = target })
        local part = assert(file.fit(old, range, host))
        assert(file.replace(old, part, host, {}))
        assert.is_true(refused > 0)
        assert.equal(part.stop - part.start, support.huge_text(inferior:pid()))
        finish(inferior)
    end)

    it("stands aside where the page cache has no huge pages, before Linux 5.18", function()
        local inferior <close>, _, range = launch()
        local old = setmetatable({ kernel_version = { 5, 17 } }, { __index = host })
        local part, why = file.fit(targets.of(inferior), range, old)
        assert.is_nil(part)
        assert.matches("needs Linux 5.18", why, 1, true)
        finish(inferior)
    end)

    it("maps a hole between two texts of a file, so that the whole is one mapping", function()
        if not supported() then return pending("this filesystem has no large folios") end
        local path = support.programs .. "moved-hole"
        local inferior <close> = launch(path)
        local range = { start = 0x400000, stop = 0x400000 + 2 * HUGE }
        local mapped = {}
        for _, m in ipairs(inferior:mappings()) do
            if m.start > 0 and m.start < range.stop then mapped[#mapped + 1] = ("%s %x"):format(m.perms, m.offset) end
        end
        assert.same({ "r--p 0", "r-xp 1000", "r-xp 302000" }, mapped)
        local target = targets.of(inferior)
        local part = assert(file.fit(target, range, host))
        assert(file.replace(target, part, host, {}))
        local huge = 0
        for _, m in ipairs(support.smaps(inferior:pid())) do
            if m.start == range.start then huge = m.FilePmdMapped end
        end
        assert.equal(2 * HUGE, huge)
        local whole = support.read_file(path)
        assert.equal(whole:sub(1, 2 * HUGE), inferior:read_memory(range.start, 2 * HUGE))
        finish(inferior)
    end)

    it("does not take what was written to: it is no longer the file's", function()
        local inferior <close>, text, range = launch()
        local byte = inferior:read_memory(text.start + HUGE, 1)
        assert(inferior:write_memory(text.start + HUGE, "\xcc"))
        assert(inferior:write_memory(text.start + HUGE, byte))
        local part = file.fit(targets.of(inferior), range, host)
        assert.is_nil(part)
        finish(inferior)
    end)

    it("says that a text is not congruent", function()
        local inferior <close>, _, range = launch(support.programs .. "shape")
        local part, why = file.fit(targets.of(inferior), range, host)
        assert.is_nil(part)
        assert.matches("its address does not fit", why)
        finish(inferior)
    end)

    it("does not take a file that has been replaced", function()
        local path = program .. ".replaced"
        support.run { "cp", program, path }
        local inferior <close>, _, range = launch(path)
        support.run { "cp", "--remove-destination", program, path }
        local target = targets.of(inferior)
        local part, why = file.fit(target, range, host)
        if part then -- /proc/PID/exe still leads to the old file
            assert(file.replace(target, part, host, {}))
            local huge = support.huge_text(inferior:pid())
            assert.equal(part.stop - part.start, huge)
        else
            assert.matches("replaced", why)
        end
        finish(inferior)
        os.remove(path)
    end)
end)
