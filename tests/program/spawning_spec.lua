-- SPDX-License-Identifier: Apache-2.0
-- Programs that are moved and start very many children. The children are not moved.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local program = support.programs .. "spawning"

describe("a moved program that starts children", function()
    for _, way in ipairs { { "vfork", 2000 }, { "spawn", 2000 }, { "system", 500 }, { "popen", 500 } } do
        it(("by %s, %d of them, gets what they tell"):format(way[1], way[2]), function()
            local count = support.rounds(way[2])
            local result = support.run_tiexec { "--strict", program, way[1], tostring(count) }
            assert.same({ count * 7 .. "\n", "", 0 }, { result.out, result.err, result.code })
        end)
    end

    it("or becomes itself anew 1000 times, by /proc/self/exe", function()
        local result = support.run_tiexec { "--strict", program, "again", tostring(support.rounds(1000)) }
        assert.same({ "end\n", "", 0 }, { result.out, result.err, result.code })
    end)

    it("under a shell that starts 200, each under tiexec, leaves nothing", function()
        local script = ("i=0; while [ $i -lt %d ]; do "):format(support.rounds(200)) .. support.tiexec .. " --strict "
            .. program .. ' child; [ $? = 7 ] || echo wrong; /bin/true; i=$((i+1)); done; echo done'
        local result = support.run_tiexec { "--strict", "bash", "-c", script }
        assert.same({ "done\n", "", 0 }, { result.out, result.err, result.code })
    end)

    it("as make does, four at a time", function()
        if not core.stat("/usr/bin/make") then return pending("no make") end
        local folder <close>, count = support.folder(), support.rounds(500)
        support.write_file(folder.path .. "/Makefile", ("all: $(shell seq %d); @:\n%%:\n"
            .. "\t@%s child; test $$? = 7 && echo $@\n"):format(count,
            core.readlink("/proc/self/cwd") .. "/" .. program))
        local function sorted(words)
            local result = support.run(words)
            local lines = {}
            for line in result.out:gmatch("[^\n]+") do lines[#lines + 1] = line end
            table.sort(lines)
            return { lines, result.err, result.code }
        end
        local words = { "make", "-s", "-j4", "-C", folder.path }
        local alone = { "env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL" } -- of a make that runs the tests
        local plain = sorted(table.move(words, 1, #words, #alone + 1, { table.unpack(alone) }))
        assert.equal(count, #plain[1])
        alone[#alone + 1] = support.tiexec
        assert.same(plain, sorted(table.move(words, 1, #words, #alone + 1, alone)))
    end)
end)
