-- SPDX-License-Identifier: Apache-2.0
-- Programs of all layouts, moved to a congruent base. tests/programs/moved.c looks at itself from
-- inside; here it is looked at from outside, and compared with the same program run plainly.

local core = require "tiexec.core"
local support = require "support"

local HUGE <const> = core.host().huge_page_size

local function program(layout)
    return support.programs .. "moved" .. (layout and "-" .. layout or "")
end

-- The mappings of the program's own file.
local function own(pid)
    local list = {}
    for line in support.read_file(("/proc/%d/maps"):format(pid)):gmatch("[^\n]+") do
        local start, stop, perms, offset, path = line:match("^(%x+)-(%x+) (%S+) (%x+) %S+ %d+%s+(.*)$")
        if path == core.readlink(("/proc/%d/exe"):format(pid)) then
            list[#list + 1] = { start = tonumber(start, 16), stop = tonumber(stop, 16), perms = perms,
                offset = tonumber(offset, 16), path = path }
        end
    end
    return list
end

-- How far from congruent the largest text of a process's program is.
local function incongruence(pid)
    local text
    for _, m in ipairs(own(pid)) do
        local size = m.stop - m.start
        if m.perms == "r-xp" and size > (text and text.stop - text.start or 0) then text = m end
    end
    return (text.start - text.offset) & (HUGE - 1)
end

local function has_linker(name)
    return support.run { "sh", "-c", "command -v ld." .. name .. " || command -v " .. name }.code == 0
end

describe("a moved program", function()
    -- what the layout is; whether the kernel's own choice of base is congruent: then it is left there
    local layouts = {
        { nil, "linked by bfd" }, { "gold", "linked by gold", "gold" }, { "lld", "linked by lld", "lld" },
        { "mold", "linked by mold", "mold" }, { "textrel", "with text relocations" },
        { "bss", "with 1.5 GB of bss" }, { "static", "static" }, { "static-small", "small and static" },
        { "aligned", "with p_align of 2 MiB" }, { "one-segment", "with headers and text in one segment" },
        { "overlap", "with overlapping segments" }, { "meeting", "with data segments that meet in one mapping" },
    }

    for _, layout in ipairs(layouts) do
        it(layout[2] .. " is congruent and finds itself right", function()
            if layout[3] and not has_linker(layout[3]) then return pending("there is no " .. layout[3]) end
            local path = program(layout[1])
            local plain = support.run { path, "brk" }
            local moved = support.run_tiexec { "--strict", path, "brk" }
            assert.same({ 0, "" }, { moved.code, moved.err })
            assert.equal(plain.out:match("right %S+ (%x+)"), moved.out:match("right %S+ (%x+)"))
            assert.is_truthy(moved.out:match("right %S+ %x+"))
            local process <close> = support.start_tiexec { path, "wait" }
            assert.equal(0, incongruence(process.pid))
        end)
    end

    it("has the mappings it would have elsewhere, of the same path and permissions", function()
        local function shape(words)
            local process <close> = support.start_tiexec(words)
            local list = own(process.pid)
            local lines = { core.readlink(("/proc/%d/exe"):format(process.pid)) }
            for _, m in ipairs(list) do
                lines[#lines + 1] = ("%x+%x %s %x %s"):format(m.start - list[1].start, m.stop - m.start, m.perms,
                    m.offset, m.path)
            end
            return lines
        end
        assert.same(shape { "--no-align", "-s", "none", program(), "wait" },
            shape { "-s", "none", program(), "wait" })
    end)

    it("stays where it is with --no-align, TIEXEC=align=0, or a strategy or profile that says so", function()
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/stay.lua",
            "return { align = false, plan = function() return {} end }")
        support.write_file(folder.path .. "/profile.lua", "return { align = false }")
        local function base(words)
            return support.run_tiexec(words).out:match("right (0x%x+)")
        end
        -- without randomization the plain base is known
        local function fixed(words)
            return support.run(table.move(words, 1, #words, 3, { "setarch", "-R" })).out:match("right (0x%x+)")
        end
        local plain = fixed { program() }
        assert.is_truthy(plain)
        assert.not_equal(plain, fixed { support.tiexec, program() })
        assert.equal(plain, fixed { support.tiexec, "--no-align", program() })
        assert.equal(plain, fixed { "env", "TIEXEC=align=0", support.tiexec, program() })
        assert.equal(plain, fixed { support.tiexec, "-s", folder.path .. "/stay.lua", program() })
        assert.equal(plain, fixed { support.tiexec, "--profile", folder.path .. "/profile.lua", program() })
        assert.is_truthy(base { program() })
    end)

    it("is left alone where its base is congruent already", function()
        local function trace(layout)
            local text = "" -- twice: one in 512 random bases is congruent by itself
            for _ = 1, 2 do text = text .. support.run_tiexec { "--debug", "syscalls", program(layout) }.err end
            return text
        end
        assert.is_truthy(trace():find("prctl(", 1, true))
        assert.is_nil(trace("aligned"):find("prctl(", 1, true))
        assert.is_nil(trace("fixed"):find("prctl(", 1, true))
    end)

    it("starts children by fork and vfork, and they exec", function()
        local result = support.run_tiexec { program(), "spawn" }
        assert.matches("^right", result.out)
        assert.equal(0, result.code)
    end)

    it("runs where memory for both places is refused: it is not moved, with a line", function()
        local result = support.shell(("ulimit -v 2000000; exec %s %s"):format(support.tiexec, program("bss")))
        assert.matches("^right", result.out)
        assert.matches("not moved to a congruent base: mmap: Cannot allocate memory", result.err)
    end)

    it("has a base as random as the kernel's, less the bits of the alignment", function()
        -- What the starts' bases differ in: enough of them that each bit that varies has been seen to.
        local function bits(words)
            local all_or, all_and, seen, count = 0, -1, {}, 0
            for _ = 1, 48 do
                local base = math.tointeger(support.run(words).out:match("right (0x%x+)"))
                all_or, all_and = all_or | base, all_and & base
                if not seen[base] then count = count + 1 end
                seen[base] = true
            end
            return all_or & ~all_and, count
        end
        local plain = bits { program(), "quick" }
        local moved, count = bits { support.tiexec, program(), "quick" }
        assert.equal(0, moved & (HUGE - 1))
        assert.equal(plain & -HUGE, moved & -HUGE)
        assert.is_true(count >= 47)
    end)
end)
