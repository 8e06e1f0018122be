-- SPDX-License-Identifier: Apache-2.0
-- What `file` reads from the disk, and what it drops from the page cache: each byte is read once, and what may not be
-- dropped is not read again and again. The disk itself counts.

local disk = require "tests.lib.disk"
local support = require "tests.lib.support"

local name <const> = "bigtext"
local BESIDE <const> = 1 << 20 -- of the filesystem itself: folders, inodes, maps of blocks

local function start(here, options)
    local words = support.concat({ "--sources", "file" }, options or {}, { here.path })
    local result = support.run_tiexec(words)
    assert.equal(0, result.code)
    return result
end

local function plain(here) assert.equal(0, support.run({ here.path }).code) end

-- Reads all of the file, into small pages.
local function cache_small(here) support.shell(("cat %s >/dev/null"):format(here.path)) end

-- Whether a start makes the text huge: only then can be told what it should have read.
local function is_huge(here)
    local process <close> = support.start_tiexec { "--sources", "file", here.path, "wait" }
    return select(2, support.huge_text(process.pid)) == "FilePmdMapped"
end

local function with_disk(what, test)
    it(what, function()
        local here <close>, why = disk.make(name)
        if not here then return pending(why) end
        test(here)
    end)
end

describe("what is read from the disk:", function()
    local mode
    setup(function() mode = support.thp("madvise") end)
    teardown(function() if mode then getmetatable(mode).__close() end end)

    with_disk("a first start reads what was not cached at its exec once", function(here)
        local bytes = here:read_by(function() start(here) end)
        if not is_huge(here) then return pending("this filesystem has no large folios") end
        -- What execve has cached around the program's data is compared, and is read again.
        local most = here:size() + here:read_ahead() + BESIDE
        assert.is_true(bytes <= most, bytes .. " of " .. most)
        assert.equal(0, here:read_by(function() start(here) end))
    end)

    with_disk("what is cached small is read once to be compared, and once more", function(here)
        cache_small(here)
        local bytes = here:read_by(function() start(here) end)
        if not is_huge(here) then return pending("this filesystem has no large folios") end
        assert.is_true(bytes > 0 and bytes <= 2 * here:size() + BESIDE, bytes .. " of " .. here:size())
        assert.equal(0, here:read_by(function() start(here) end))
    end)

    with_disk("what is huge already is kept beside what is small", function(here)
        start(here)
        if not is_huge(here) then return pending("this filesystem has no large folios") end
        local HUGE <const> = require "tiexec.core".host().huge_page_size
        -- One block of the text is dropped, and a page of it read: small.
        support.shell(("dd if=%s iflag=nocache of=/dev/null bs=%d skip=4 count=1"):format(here.path, HUGE))
        support.shell(("dd if=%s of=/dev/null bs=4k skip=%d count=1"):format(here.path, 4 * HUGE >> 12))
        local bytes = here:read_by(function() start(here) end)
        assert.is_true(is_huge(here))
        assert.is_true(bytes <= 2 * HUGE + BESIDE, bytes)
    end)

    it("where the filesystem has no large folios one block is tried in vain, once", function()
        local here <close>, why = disk.make(name, "-O encrypt") -- ext4 has none of them then
        if not here then return pending(why) end
        cache_small(here)
        local cache <close> = support.folder("/dev/shm")
        local function told()
            local result = support.run { "env", "TIEXEC_CACHE=" .. cache.path, support.tiexec, "--sources", "file",
                here.path }
            assert.matches("ext4 has no huge pages for it", result.err, 1, true)
        end
        local HUGE <const> = require "tiexec.core".host().huge_page_size
        local bytes = here:read_by(told)
        assert.is_true(bytes > 0 and bytes <= 2 * HUGE + BESIDE, bytes)
        assert.is_true(here:read_by(function() for _ = 1, 3 do told() end end) <= BESIDE)
    end)

    with_disk("with --recache=never nothing that is cached is read again, and it is said", function(here)
        cache_small(here)
        local bytes = here:read_by(function()
            assert.matches("its cached pages are small", start(here, { "--recache", "never" }).err, 1, true)
        end)
        assert.is_true(bytes <= BESIDE, bytes)
    end)

    with_disk("what a sleeping process maps small is neither dropped nor read, in 8 starts", function(here)
        local heard = here.folder.path .. "/heard"
        local other <close> = support.start({ here.path, "wait" }, ">" .. heard)
        assert.is_truthy(support.wait_for(function() -- it has read all of its text
            return other:is_alive() and (support.read_file(heard) or ""):find("\n", 1, true)
        end) or nil)
        local as_plain = here:read_by(function() for _ = 1, 8 do plain(here) end end)
        local bytes = here:read_by(function()
            local who = ("until process %d (%s)"):format(other.pid, name)
            for _ = 1, 8 do assert.matches(who, start(here).err, 1, true) end
        end)
        assert.is_true(bytes <= as_plain + BESIDE, bytes) -- one block that is dropped is more
    end)
end)
