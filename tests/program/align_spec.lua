-- SPDX-License-Identifier: Apache-2.0
-- Programs of all layouts are moved to a congruent base. tests/programs/moved.c looks at itself from
-- inside. The spec looks at it from outside, and compares it with the same program run plainly.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local HUGE <const> = core.host().huge_page_size

local AT_PHDR <const>, AT_ENTRY <const> = 3, 9

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

local function is_there(path) return core.stat(path) ~= nil end

-- Starts words. Gives the process, and its line of output once it has written one.
local function start_and_hear(words, folder)
    local path = folder.path .. "/out"
    local process = support.start(words, ">" .. path)
    local told = support.wait_for(function()
        return not process:is_alive() and "" or (support.read_file(path) or ""):match("^.*right 0x%x+ %x+\n")
    end, 60)
    assert(told and told ~= "", "it said nothing")
    return process, told
end

-- /proc/PID/stat by the numbers that proc(5) gives.
local function stat_of(pid)
    local list = { "pid", "name" }
    for field in support.read_file(("/proc/%d/stat"):format(pid)):match("%) (.*)"):gmatch("%S+") do
        list[#list + 1] = field
    end
    return list
end

-- Mappings, one a line. The program's own are counted from its base: those of its file, and the zeros after them,
-- which some kernels (6.1) call [heap] where the heap follows.
local function mapping_lines(pid, base)
    local lines, end_of_own, brk = {}, nil, stat_of(pid)[47]
    for line in support.read_file(("/proc/%d/maps"):format(pid)):gmatch("[^\n]+") do
        local start, stop, rest = line:match("^(%x+)-(%x+) (.*)$")
        local from, to = math.tointeger("0x" .. start), math.tointeger("0x" .. stop)
        if to <= math.tointeger(brk) then rest = rest:gsub(" +%[heap%]$", " ") end
        if rest:find(core.readlink(("/proc/%d/exe"):format(pid)), 1, true)
            or rest:find(" 0 $") and from == end_of_own then
            line, end_of_own = ("own %x-%x %s"):format(from - base, to - base, rest), to
        end
        lines[#lines + 1] = line
    end
    table.sort(lines) -- a static program may be moved past others
    return lines
end

-- What the kernel tells of a process started without randomization. Only the program's place is left to chance
-- there, so all addresses are told as distances from that. Gives the place, too.
local function outside(words)
    local folder <close> = support.folder()
    local process <close>, told = start_and_hear(table.move(words, 1, #words, 3, { "setarch", "-R" }), folder)
    local base = math.tointeger(told:match("right (0x%x+)"))
    local picture = { told = told:gsub("0x%x+", "BASE"), maps = mapping_lines(process.pid, base), auxv = {} }
    local auxv, stat = support.read_file(("/proc/%d/auxv"):format(process.pid)), stat_of(process.pid)
    for at = 1, #auxv, 16 do
        local kind, value = string.unpack("jj", auxv, at)
        picture.auxv[kind] = (kind == AT_PHDR or kind == AT_ENTRY) and value - base or value
    end
    for _, field in ipairs { 26, 27, 45, 46 } do stat[field] = math.tointeger(stat[field]) - base end -- code, data
    picture.stat = table.concat({ stat[26], stat[27], stat[28], table.concat(stat, " ", 45, 51) }, " ")
    return picture, base
end

describe("a moved program", function()
    -- what the layout is; whether the kernel's own choice of base is congruent: then it is left there
    local layouts = {
        { nil, "linked by bfd" }, { "separate", "with segments of their own for headers and text" },
        { "gold", "linked by gold", "gold" }, { "lld", "linked by lld", "lld" },
        { "mold", "linked by mold", "mold" }, { "textrel", "with text relocations" },
        { "bss", "with 1.5 GB of bss" }, { "static", "static" }, { "static-small", "small and static" },
        { "aligned", "with p_align of 2 MiB" }, { "one-segment", "with headers and text in one segment" },
        { "overlap", "with overlapping segments" }, { "meeting", "with data segments that meet in one mapping" },
        { "rosegment", "with constants in the text segment, by lld", "lld" },
        { "separate-lld", "with segments of pages of their own, by lld", "lld" },
        { "separate-mold", "with segments of pages of their own, by mold", "mold" },
        { "relr", "with packed relocations" }, { "tls", "with 64 MiB of thread-local data" },
        { "ifunc", "with functions chosen by a resolver" }, { "notes", "with notes of control-flow protection" },
        { "execstack", "with an executable stack" }, { "static-lld", "static, by lld", "lld" },
        { "static-mold", "static, by mold", "mold" },
        { "static-holes", "static, with the vdso in a hole between its segments" },
    }

    for _, layout in ipairs(support.some(layouts, 3)) do
        it(layout[2] .. " is congruent and finds itself right", function()
            if layout[3] and not is_there(program(layout[1])) then return pending("there is no " .. layout[3]) end
            local path = program(layout[1])
            local plain = support.run { path, "brk" }
            local moved = support.run_tiexec { "--strict", path, "brk" }
            assert.same({ 0, "" }, { moved.code, moved.err })
            assert.equal(plain.out:match("right %S+ (%x+)"), moved.out:match("right %S+ (%x+)"))
            assert.is_truthy(moved.out:match("right %S+ %x+"))
            -- Without an option what has nothing to gain is started at once.
            local process <close> = support.start_tiexec { "--strict", path, "wait" }
            assert.equal(0, incongruence(process.pid))
        end)

        it(layout[2] .. " differs from the plain one in nothing but its place", function()
            if layout[3] and not is_there(program(layout[1])) then return pending("there is no " .. layout[3]) end
            local path = program(layout[1])
            local plain, from = outside { path, "far", "wait" }
            local moved, to = outside { support.tiexec, "--strict", "-s", "none", path, "far", "wait" }
            assert.same(plain, moved)
            if layout[1] ~= "aligned" and layout[1] ~= "static" then assert.not_equal(from, to) end
        end)
    end

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
            local text = "" -- of two starts, as one in 512 random bases is congruent by itself
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

    for _, how in ipairs { "-L", "-RL", "-3", "-X" } do
        it("is right with the personality that setarch gives by " .. how, function()
            for _, layout in ipairs(support.some({ {}, { "static-small" }, { "static-holes" }, { "bss" } }, 2)) do
                local words = { "setarch", how, support.tiexec, "--strict", program(layout[1]), "brk", "far" }
                local moved = support.run(words)
                local plain = support.run { "setarch", how, program(layout[1]), "brk", "far" }
                local function without_base(result) return (result.out:gsub("0x%x+", "BASE")) end
                assert.same({ without_base(plain), "", 0 }, { without_base(moved), moved.err, moved.code })
            end
        end)
    end

    it("is right where the stack is without limit, and memory is given from below", function()
        for _, layout in ipairs { {}, { "static-small" }, { "static-holes" } } do
            local result = support.shell(("ulimit -s unlimited; exec %s --strict %s brk"):format(support.tiexec,
                program(layout[1])))
            assert.same({ "", 0 }, { result.err, result.code })
            assert.matches("^right", result.out)
        end
    end)

    it("is not there when its interpreter is missing, as without tiexec", function()
        local folder <close> = support.folder()
        local path = folder.path .. "/orphan"
        support.write_file(path, (support.read_file(program()):gsub("/ld%-linux", "/no-linux", 1)))
        support.run { "chmod", "+x", path }
        local result = support.run_tiexec { path }
        assert.same({ support.run { path }.code, "" }, { result.code, result.out })
    end)

    it("runs where memory for both places is refused: it is not moved, with a line", function()
        if support.sanitized then return pending("the sanitizer needs more memory than that") end
        local result = support.shell(("ulimit -v 2000000; exec %s %s"):format(support.tiexec, program("bss")))
        assert.matches("^right", result.out)
        assert.matches("not moved to a congruent base: mmap: Cannot allocate memory", result.err)
    end)

    it("has its heap where it began, below which nothing is left but the room of the old place", function()
        if not support.is_root then return pending("needs root, to set randomize_va_space") end
        -- 1: all is random, and the heap begins where the program ends
        local _randomization <close> = support.randomization(1)
        for _, layout in ipairs { {}, { "lld" }, { "bss" } } do
            local span
            for _, tracer in ipairs { {}, { support.tiexec } } do
                local folder <close> = support.folder()
                local process <close> = start_and_hear({ tracer[1] or "env", program(layout[1]), "wait" }, folder)
                local stat, list = stat_of(process.pid), own(process.pid)
                local distance = stat[47] - list[1].start
                if not span then
                    span = distance
                else
                    assert.is_true(distance >= 2 * span and distance < 2 * span + 2 * HUGE)
                end
            end
        end
    end)
end)
