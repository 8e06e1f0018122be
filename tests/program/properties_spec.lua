-- SPDX-License-Identifier: Apache-2.0
-- Properties of mappings that get lost: locked in memory, left out of forks and dumps, sealed, shared with another
-- process. After attaching and after undoing they are as they were, whether the text became huge or was left.

local core = require "tiexec.core"
local copy = require "tiexec.sources.copy"
local sharers = require "tiexec.harness.sharers"
local support = require "tests.lib.support"
local targets = require "tiexec.harness.targets"
local tiexec = require "tiexec"

local program <const> = support.programs .. "properties"

local cache, mode
setup(function() cache, mode = support.folder("/dev/shm"), support.thp("madvise") end)
teardown(function()
    getmetatable(cache).__close(cache)
    if mode then getmetatable(mode).__close() end
end)

-- Starts the program with a property, and waits until it has it. nil: it cannot have it here.
local function start(property)
    local folder = support.folder()
    local output = folder.path .. "/out"
    local process = support.start({ program, property }, (">%s 2>&1"):format(output))
    local function said() return support.read_file(output) or "" end
    support.wait_for(function() return said():find("\n", 1, true) end)
    local self = { process = process, pid = process.pid, said = said }
    setmetatable(self, { __close = function()
        support.shell(("pkill -KILL -P %d"):format(self.pid)) -- the process that shares its memory
        getmetatable(process).__close(process)
        getmetatable(folder).__close(folder)
    end })
    if said():find("^ready\n") then return self end
    local why = said()
    getmetatable(self).__close()
    return nil, why
end

local function run(words, pid)
    local command = support.concat({ "env", "TIEXEC_CACHE=" .. cache.path, "timeout", "-k", "3", "60", support.tiexec },
        words, { ("%d"):format(pid) })
    return support.run(command)
end

-- How many bytes of the executable's mappings have a flag, and how many KiB the process has locked.
local function properties_of(pid, flag)
    local bytes, text = 0, support.programs:gsub("^.*/build", "build") .. "properties"
    for _, m in ipairs(support.smaps(pid)) do
        local is_text = m.start >= 0x400000 and m.start < 0xb00000 and (m.path:find(text, 1, true) or m.perms == "r-xp")
        local has = (" " .. m.VmFlags .. " "):find(" " .. flag .. " ", 1, true)
        if is_text and has then bytes = bytes + m.stop - m.start end
    end
    return bytes, core.status(pid, "VmLck")
end

for property, flag in pairs { mlockall = "lo", mlock = "lo", limited = "lo", lowered = "lo", dontfork = "dc" } do
    for _, source in ipairs { "thp", "shared", "file" } do
        it(("%s is kept by %s, and by undo"):format(property, source), function()
            local it_ <close>, why = start(property)
            if not it_ then return pending("it cannot be had here: " .. why) end
            local before, locked = properties_of(it_.pid, flag)
            assert.is_true(before > 0)
            local is_huge = support.huge_text(it_.pid) > 0 -- as it was started: xfs may cache a copy so
            local result = run({ "--sources", source, "--attach" }, it_.pid)
            assert.is_true(result.code == 0 or result.err ~= "")
            assert.same({ before, locked }, { properties_of(it_.pid, flag) })
            local huge = support.huge_text(it_.pid)
            local can_lock = property == "mlockall" or property == "limited"
            if can_lock and source == "thp" then assert.is_true(huge > 0, result.err) end
            if property == "lowered" and not is_huge then assert.matches("RLIMIT_MEMLOCK", result.err, 1, true) end
            if property == "mlock" then assert.matches("only a part of it", result.err, 1, true) end
            run({ "--undo" }, it_.pid)
            assert.same({ before, locked }, { properties_of(it_.pid, flag) })
            assert.is_true(it_.process:is_alive())
        end)
    end
end

it("what KSM may merge becomes memory that it may not: it would split the huge pages", function()
    local it_ <close>, why = start("mergeable")
    if not it_ then return pending("it cannot be had here: " .. why) end
    if properties_of(it_.pid, "mg") == 0 then return pending("text of files is not merged here") end
    run({ "--sources", "thp", "--attach" }, it_.pid)
    local huge = 0
    for _, m in ipairs(support.smaps(it_.pid)) do
        if m.perms == "r-xp" and (m.AnonHugePages or 0) > 0 then
            huge = huge + m.AnonHugePages
            assert.is_nil(m.VmFlags:find("mg", 1, true))
        end
    end
    assert.is_true(huge > 0)
end)

describe("sealed text", function()
    it("is left alone, with the reason", function()
        local it_ <close>, why = start("sealed")
        if not it_ then return pending("it cannot be had here: " .. why) end
        local before = support.read_file(("/proc/%d/maps"):format(it_.pid))
        for _, source in ipairs { "file", "shared", "thp" } do
            local result = run({ "--sources", source, "--attach" }, it_.pid)
            assert.equal(1, result.code)
            assert.matches("sealed", result.err, 1, true)
            assert.equal(before, support.read_file(("/proc/%d/maps"):format(it_.pid)))
        end
        assert.is_true(it_.process:is_alive())
    end)
end)

describe("another process with the same memory", function()
    it("is found; one with memory of its own is not", function()
        local it_ <close>, why = start("shared")
        if not it_ then return pending("it cannot be had here: " .. why) end
        local other = sharers.find(it_.pid)
        assert.equal(it_.pid, other and core.status(other, "PPid"))
        local plain <close> = start("none")
        assert.is_nil(sharers.find(plain.pid))
    end)

    it("forbids what replaces text in several steps", function()
        local it_ <close>, why = start("shared")
        if not it_ then return pending("it cannot be had here: " .. why) end
        local inferior <close> = assert(tiexec.attach(it_.pid))
        local ok, refused = copy.replace(targets.of(inferior), { start = 0x600000, stop = 0x800000 },
            { host = core.host(), flags = 0, populate = copy.populate, in_place = true })
        inferior:detach()
        assert.is_nil(ok)
        assert.matches("shares its memory", refused, 1, true)
        assert.equal("ready\n", it_.said())
    end)

    for _, source in ipairs { "thp", "shared", "file", "hugetlb" } do
        it("runs on while text is replaced, by " .. source .. " and by undo", function()
            local pool <close> = source == "hugetlb" and support.pool(8) or support.folder()
            if not pool then return pending("the hugetlb pool cannot be set: not root?") end
            local it_ <close>, why = start("shared")
            if not it_ then return pending("it cannot be had here: " .. why) end
            for _ = 1, support.rounds(20) do
                run({ "--sources", source, "--attach" }, it_.pid)
                run({ "--undo" }, it_.pid)
                assert.equal("ready\n", it_.said())
            end
            assert.is_true(it_.process:is_alive())
        end)
    end
end)
