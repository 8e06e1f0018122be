-- SPDX-License-Identifier: Apache-2.0
-- Libraries on a filesystem where the kernel leaves it to chance where they lie: they are put where their files'
-- pages can be huge. The filesystem here is tmpfs.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local HUGE <const> = core.host().huge_page_size

-- A folder on tmpfs with the program and its library, to be closed. Its field `program` is the program's path.
local function place()
    local folder = support.folder("/dev/shm")
    os.execute(("cp %sneedy %sloadable %s"):format(support.programs, support.programs, folder.path))
    folder.program = folder.path .. "/needy"
    return folder
end

-- The first mapping of the library: the linker's choice.
local function library_of(process)
    return support.wait_for(function()
        for _, m in ipairs(core.mappings(process.pid) or {}) do
            if m.path:find("/loadable$") then return m end
        end
    end)
end

-- Starts the program `count` times. Gives the places of its library, as a set, and how many were congruent.
local function starts(program, options, count)
    local seen, distinct, congruent = {}, 0, 0
    for _ = 1, count do
        local process <close> = support.start_tiexec(table.move({ program }, 1, 1, #options + 1,
            { table.unpack(options) }))
        local at = library_of(process).start
        if at & (HUGE - 1) == 0 then congruent = congruent + 1 end
        if not seen[at] then distinct = distinct + 1 end
        seen[at] = true
    end
    return distinct, congruent
end

describe("a library where the kernel does not align it", function()
    local COUNT <const> = support.rounds(12)

    it("lies congruent at every start, at random", function()
        local here <close> = place()
        if core.places_congruent(here.program) then return pending "this kernel aligns mappings of tmpfs, too" end
        local distinct, congruent = starts(here.program, { "-s", "none" }, COUNT)
        assert.equal(COUNT, congruent)
        assert.is_true(distinct > COUNT // 2)
        local _, by_chance = starts(here.program, { "-s", "none", "--no-align" }, COUNT)
        assert.is_true(by_chance < COUNT)
    end)

    it("is on huge pages of its file", function()
        local here <close> = place()
        local process <close> = support.start_tiexec { "--sources", "file", here.program }
        local huge = 0
        for _, m in ipairs(support.smaps(process.pid)) do
            if m.path:find("/loadable$") then huge = huge + (m.FilePmdMapped or 0) + (m.ShmemPmdMapped or 0) end
        end
        if huge == 0 and not core.places_congruent(here.program) then
            assert.equal(0, library_of(process).start & (HUGE - 1)) -- tmpfs without huge pages: Linux before 6.1
            return pending "tmpfs has no huge pages here"
        end
        assert.is_true(huge >= 2 * HUGE)
    end)

    it("works as ever", function()
        local here <close> = place()
        local plain, steered = support.run { here.program, "x" }, support.run_tiexec { "--strict", here.program, "x" }
        assert.equal(3, plain.code)
        assert.same({ plain.out, plain.code, "" }, { steered.out, steered.code, steered.err })
        local unlimited = "ulimit -s unlimited; exec " .. support.quote { support.tiexec, here.program, "x" }
        assert.same({ plain.out, plain.code }, { support.shell(unlimited).out, support.shell(unlimited).code })
    end)
end)
