-- SPDX-License-Identifier: Apache-2.0
-- --inspect of large programs, started with tiexec and without: the same figures as smaps has.

local core = require "tiexec.core"
local json = require "dkjson"
local specimen = require "tests.lib.specimen"
local support = require "tests.lib.support"

local HUGE <const> = core.host().huge_page_size

-- The text of a process, by smaps: bytes, and those on huge pages.
local function text_of(pid)
    local bytes, huge = 0, 0
    for _, m in ipairs(support.smaps(pid)) do
        if m.perms:find("x") and m.path ~= "[vsyscall]" then
            bytes, huge = bytes + m.stop - m.start, huge + support.huge_bytes(m)
        end
    end
    return { bytes, huge }
end

-- Looks at a process whose text does not change meanwhile: the figures before and after agree.
local function look(pid)
    local found
    assert.is_truthy(support.wait_for(function()
        local before = text_of(pid)
        local result = support.run_tiexec { "--json", "--inspect", tostring(pid) }
        assert.equal("", result.err)
        found = assert(json.decode(result.out))
        local after = text_of(pid)
        return before[1] == after[1] and before[2] == after[2] and after
    end, 60))
    local bytes, huge = 0, 0
    for _, m in ipairs(found.mappings) do bytes, huge = bytes + m.bytes, huge + m.huge_bytes end
    assert.same(text_of(pid), { bytes, huge })
    assert.is_true(found.totals.bytes <= bytes and found.totals.huge_bytes <= huge)
    return found
end

local function huge_of(found, part)
    local sum = 0
    for _, m in ipairs(found.mappings) do
        if m.object:find(part, 1, true) then sum = sum + m.huge_bytes end
    end
    return sum
end

-- A program that waits, its largest text, and how much of that is huge at least when it is copied.
local function define(name, words, object, least)
    describe("--inspect of " .. name, function()
        local function run(options, check)
            local path = specimen.path(words[1])
            if not path then return pending(words[1] .. " is not installed") end
            local folder <close> = support.folder()
            local program = { words = { path } }
            for i = 2, #words do program.words[i] = words[i]:gsub("FOLDER", folder.path) end
            local fifo = folder.path .. "/nothing" -- who reads it waits
            assert(os.execute("mkfifo " .. fifo))
            local process <close> = support.start(specimen.words(program, options),
                ("<>%s >/dev/null 2>&1"):format(fifo))
            assert.is_truthy(support.wait_for(function() return support.has_become(process.pid, path) end, 60))
            check(look(process.pid))
        end

        it("without tiexec: reasons for all that is small", function()
            run(nil, function(found)
                for _, m in ipairs(found.mappings) do assert.equal(m.huge_bytes < m.bytes, #m.why > 0) end
            end)
        end)

        it("with tiexec: it is huge", function()
            local mode <close> = support.thp("madvise")
            run({ "--sources", "thp", "--strict" }, function(found)
                assert.is_true(huge_of(found, object) >= least)
                local letters = 0
                for _, picture in ipairs(found.pictures) do
                    letters = letters + select(2, picture.slots:gsub("[FSTH]", ""))
                end
                assert.is_true(letters >= least // HUGE)
            end)
            if mode == nil then return pending("the THP mode could not be set, it was as it was") end
        end)
    end)
end

define("prometheus", { "prometheus", "--config.file=/dev/null", "--storage.tsdb.path=FOLDER/tsdb",
    "--web.listen-address=127.0.0.1:0" }, "prometheus", 20 << 20)
define("node", { "node", "-e", "setInterval(() => {}, 100000)" }, "node", 26 << 20)
define("clang", { "clang", "-x", "c", "-fsyntax-only", "-" }, "libLLVM", 90 << 20)
