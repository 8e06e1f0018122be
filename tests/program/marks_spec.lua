-- SPDX-License-Identifier: Apache-2.0
-- The marks of `shared`: a copy is compared with its original once, as long as both are as they were. What has changed
-- since is found, by comparison; and a mark that somebody else can have made is none.

local core = require "tiexec.core"
local shared = require "tests.lib.shared"
local support = require "tests.lib.support"

local run, files = shared.run, shared.files

-- A script that takes a program as far as the copy of its text, and tells how often the two were compared.
local COUNT <const> = [[
    local congruent = require "tiexec.plan.congruent"
    local core = require "tiexec.core"
    local images = require "tiexec.harness.images"
    local relocate = require "tiexec.start.relocate"
    local source = require "tiexec.sources.shared"
    local targets = require "tiexec.harness.targets"
    local inferior <close> = assert(tiexec.launch { arg[1] })
    local image = images.of(("/proc/%d/exe"):format(inferior:pid()))
    local wanted = congruent.wanted(inferior, image)
    if wanted then assert(relocate.move(inferior, wanted, inferior:mappings())) end
    local text
    for _, m in ipairs(inferior:mappings()) do
        if m.perms == "r-xp" and (not text or m.stop - m.start > text.stop - text.start) then text = m end
    end
    local target, count = targets.of(inferior), 0
    local counting = setmetatable({ cache_compare = function(...)
        count = count + 1
        return target.cache_compare(...)
    end }, { __index = target })
    local host = core.host()
    local part = assert(source.fit(counting, { start = text.start, stop = text.stop }, host))
    local ok, why = source.replace(counting, part, host, {})
    print(ok and count or why)
    inferior:kill()
]]

local function place()
    local here = shared.place()
    here.script = here.path .. "/count.lua"
    support.write_file(here.script, COUNT)
    return here
end

-- How often the bytes are compared at a start; or why the copy is not used.
local function comparisons(here)
    local result = support.run { "env", "TIEXEC_CACHE=" .. here.cache, support.tiexec, "--script", here.script,
        here.program }
    assert.equal("", result.err)
    return tonumber(result.out) or result.out
end

local function copy_of(here) return files(here)[1] end

local function mark_of(here) return (copy_of(here):gsub("/([^/]*)$", "/.%1.mark")) end

-- Waits until the last change of both files is so long ago that the next one has another time.
local function wait_until_old(here)
    for _, path in ipairs { here.program, copy_of(here) } do
        assert(support.wait_for(function() return core.stamp(path).age > 2100000000 end))
    end
end

-- A copy that has a mark.
local function marked()
    local here = place()
    assert.equal(1, comparisons(here)) -- makes the copy
    wait_until_old(here)
    assert.equal(1, comparisons(here)) -- makes the mark
    return here
end

describe("a mark", function()
    it("is made when both files have been left alone for a while, and then nothing is compared", function()
        local here <close> = place()
        assert.equal(1, comparisons(here))
        assert.is_nil(core.stat(mark_of(here)))
        wait_until_old(here)
        assert.equal(1, comparisons(here))
        assert.is_truthy(core.stat(mark_of(here)))
        assert.equal(0, comparisons(here))
        assert.same("answer=1\n", run(here).out)
    end)

    local function changed(what, change, answer)
        it("is not true any more when " .. what, function()
            local here <close> = marked()
            assert.equal(0, comparisons(here))
            change(here)
            assert.matches(answer or "its contents are not the program's", tostring(comparisons(here)), 1, true)
        end)
    end

    changed("the copy is changed, and has its size and times again", function(here)
        support.shell(([[touch -r %s %s/date; chmod 600 %s; printf X | dd of=%s bs=1 seek=4000000 conv=notrunc
            chmod 444 %s; touch -r %s/date %s]]):format(copy_of(here), here.path, copy_of(here), copy_of(here),
            copy_of(here), here.path, copy_of(here)))
    end)

    changed("the original is written anew, with the same inode, size and times", function(here)
        support.shell(([[touch -r %s %s/date; printf X | dd of=%s bs=1 seek=4000000 conv=notrunc; touch -r %s/date %s]])
            :format(here.program, here.path, here.program, here.path, here.program))
    end)

    changed("the copy has only been touched: then it is compared", function(here)
        support.shell("touch " .. copy_of(here))
    end, "1")

    -- The clock of this host is not to be set; but so a file is that was changed before it was set back.
    changed("the last change of a file is in the future", function(here)
        support.shell(("touch -d '+1 hour' %s"):format(copy_of(here)))
        os.remove(mark_of(here))
        assert.equal(1, comparisons(here))
        assert.is_nil(core.stat(mark_of(here)))
    end, "1")

    changed("it has another inode's time", function(here)
        local text = support.read_file(mark_of(here))
        os.remove(mark_of(here))
        support.write_file(mark_of(here), (text:gsub("original %S+ %S+ %S+ %x", "%0f", 1)))
    end, "1")

    local function distrusted(what, change)
        changed(what, function(here)
            change(mark_of(here))
            wait_until_old(here)
        end, "1")
    end

    distrusted("others may write to it", function(mark) support.shell("chmod 666 " .. mark) end)
    distrusted("it is a symbolic link", function(mark)
        support.shell(("mv %s %s.moved; ln -s %s.moved %s"):format(mark, mark, mark, mark))
    end)
    distrusted("it is a FIFO", function(mark) support.shell(("rm %s; mkfifo %s"):format(mark, mark)) end)
    if support.is_root then
        distrusted("it belongs to another user", function(mark) support.shell("chown 65534 " .. mark) end)
    end

    it("goes with its copy", function()
        local here <close> = marked()
        local mark = mark_of(here)
        support.run { "env", "TIEXEC_CACHE=" .. here.cache, support.tiexec, "--cache", "clear" }
        assert.is_nil(core.stat(mark))
    end)

    it("is root's for all, and each user's for himself alone", function()
        if not support.is_root then return pending("needs root") end
        local here <close> = marked()
        assert.is_truthy(core.stat(mark_of(here)).mode & 4 ~= 0)
        support.shell(("chmod 755 %s; chmod 644 %s"):format(here.cache, here.script))
        local as_user = support.concat(shared.NOBODY, { "env", "TIEXEC_CACHE=" .. here.cache, support.tiexec,
            "--script", here.script, here.program })
        assert.equal("0\n", support.run(as_user).out)
        support.shell("chown 65534 " .. mark_of(here)) -- not root's any more, and so not for root
        assert.equal(1, comparisons(here))
    end)
end)
