-- SPDX-License-Identifier: Apache-2.0
-- A model of instruction TLBs: the pages that a program fetches from, traced by qemu-user, through the TLBs of three
-- CPUs (tests/programs/tlb.c), on small pages and on those that tiexec would have made huge.

local at_entry = require "tests.lib.at_entry"
local core = require "tiexec.core"
local elf = require "tests.lib.elf"
local support = require "tests.lib.support"

local model = {}

local HUGE <const>, PAGE <const> = elf.huge, 4096
local TRACED <const> = 100000000 -- instructions

--- The CPUs, as their makers describe them. tests/programs/tlb.c has the same figures.
model.cpus = {
    { name = "zen3", first = "64, fully associative", huge = "the same", second = "512, 8 ways, for instructions alone",
        from = "AMD, *Software Optimization Guide for AMD Family 19h Processors*, 56665" },
    { name = "skylake", first = "128, 8 ways", huge = "8", second = "1536, 12 ways",
        from = "Intel, *64 and IA-32 Architectures Optimization Reference Manual*, 248966: TLB parameters of the"
            .. " Skylake Client microarchitecture" },
    { name = "neoverse-n1", first = "48, fully associative", huge = "the same", second = "1280, 5 ways",
        from = "Arm, *Neoverse N1 Core Technical Reference Manual*, 100616: TLB organization" },
}

local qemu = support.shell("command -v qemu-$(uname -m)").out:match("%S+")

--- Traces the first thread of a command.
-- @tparam table command words
-- @string path for the trace; beside it is PATH.maps
-- @int skip how many instructions are not traced at the start
-- @treturn[1] table `path`, `instructions`, `maps`
-- @treturn[2] nil, string why not
function model.trace(command, path, skip)
    if not qemu then return nil, "needs qemu-user: apt-get install qemu-user" end
    local result = support.run(support.concat({ qemu, "-plugin", ("%sfetches,out=%s,skip=%d,most=%d"):format(
        support.programs, path, skip, TRACED) }, command))
    local instructions, maps = (support.read_file(path .. ".maps") or ""):match("^(%d+)\n(.*)")
    if not maps or instructions == "0" then
        return nil, "no trace by qemu: " .. (result.err:match("[^\n]+") or "it ended too soon")
    end
    return { path = path, instructions = tonumber(instructions), maps = elf.parse_maps(maps) }
end

-- The huge pages of an object in a process: list of `path`, `first` and `behind`, addresses as its headers have them.
local function add_object(list, pid, object)
    local start, stop = math.huge, 0
    for _, text in ipairs(object.texts) do start, stop = math.min(start, text.start), math.max(stop, text.stop) end
    for at = start // HUGE * HUGE, stop - 1, HUGE do
        local pages = core.pagemap(pid, at, at + HUGE)
        if pages and pages.anon_huge > 0 then
            list[#list + 1] = { path = object.path, first = math.max(at, start) - object.base,
                behind = math.min(at + HUGE, stop) - object.base }
        end
    end
end

--- Finds out what tiexec would make huge, by its doing so with private copies: they alone are that for certain.
-- @tparam table command words
-- @tparam table settings tiexec's, but for the sources
-- @treturn[1] table list for model.plan
-- @treturn[2] nil, string why it cannot be told
function model.slots(command, settings)
    settings.sources = { "thp" }
    return at_entry.look(command, settings, function(pid)
        local list = {}
        for _, object in ipairs(elf.loaded(pid)) do
            if #object.texts > 0 then add_object(list, pid, object) end
        end
        return list
    end)
end

--- Writes a plan for tests/programs/tlb.c: the huge pages, where the trace has the objects.
function model.plan(slots, trace, path)
    local lines, list = {}, {}
    for _, slot in ipairs(slots) do
        local base = elf.bias(slot.path, trace.maps)
        if base then
            list[#list + 1] = { first = (slot.first + base) // PAGE, behind = (slot.behind + base) // PAGE }
        end
    end
    table.sort(list, function(a, b) return a.first < b.first end)
    for i, page in ipairs(list) do lines[i] = ("%x %x\n"):format(page.first, page.behind) end
    support.write_file(path, table.concat(lines))
    return path, #list
end

--- Runs the model.
-- @tparam table trace
-- @tparam table plans paths of plans by their names
-- @treturn table by the plans' names, by the CPUs', { `misses`, `walks` } in a thousand instructions
function model.run(trace, plans)
    local words, names, found = { support.programs .. "tlb", trace.path }, {}, {}
    for name, path in pairs(plans) do words[#words + 1], names[path], found[name] = path, name, {} end
    local out = support.run(words).out
    for path, cpu, misses, walks in out:gmatch("(%S+) (%S+) (%d+) (%d+)\n") do
        found[names[path]][cpu] = { misses = 1000 * misses / trace.instructions,
            walks = 1000 * walks / trace.instructions }
    end
    return found
end

return model
