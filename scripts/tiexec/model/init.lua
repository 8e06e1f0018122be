-- SPDX-License-Identifier: Apache-2.0
--- `--record=tlb` says what huge pages would do to the instruction TLB of three CPUs, on a host
-- that cannot count that. Samples do not tell: a TLB misses by the order in which pages follow each
-- other, not by how often each of them is found. So qemu-user traces them, and a model is made.

local core = require "tiexec.core"
local exit = require "tiexec.base.exit"
local message = require "tiexec.base.message"
local slots = require "tiexec.model.slots"
local trace = require "tiexec.model.trace"

local model = {}

local MILLION <const> = 1000000
local SKIPPED <const>, TRACED <const> = 200, 100 -- million instructions
local STANDARD_ERROR <const> = 2

--- Reads what `--record` is given: `tlb` or `tlb:N`.
-- @string given
-- @treturn[1] int how many million instructions are not traced at the start
-- @treturn[2] nil, string what is wrong
function model.asked(given)
    if given == "tlb" then return SKIPPED end
    local number = math.tointeger(tonumber(given:match("^tlb:(%d+)$")))
    if number and number <= MILLION then return number end
    return nil, "--record=tlb:N: N is a number of millions of instructions"
end

--- Takes a trace through the model.
-- @tparam table traced of trace.make
-- @tparam table list of slots.of, or an empty one for small pages alone
-- @treturn[1] table by the CPUs' names `misses` and `walks`, in a thousand instructions
-- @treturn[1] int how many of the huge pages the trace's process has
-- @treturn[2] nil, string why that failed
function model.rates(traced, list)
    local placed = slots.placed(list, traced.maps)
    local counts, why = core.tlb(traced.path, placed)
    if not counts then return nil, why end
    local rates = {}
    for cpu, count in pairs(counts) do
        rates[cpu] = { misses = 1000 * count.misses / traced.instructions,
            walks = 1000 * count.walks / traced.instructions }
    end
    return rates, #placed // 2
end

-- Traces a program and models it. Returns a ModelResult; or nil and why there is none.
local function make(program, list, skip)
    local scratch <close>, folder = core.scratch(os.getenv("TMPDIR") or "/var/tmp")
    if not scratch then return nil, folder end
    local traced, why = trace.make(program, folder, skip * MILLION, TRACED * MILLION)
    if not traced then return nil, why end
    local small, huge, count
    small, why = model.rates(traced, {})
    if small then huge, count = model.rates(traced, list) end
    if not huge then return nil, why or count end
    local found = { executable = program.path, instructions = traced.instructions,
        skipped = traced.skipped, huge_pages = count, huge_page_size = core.huge_page_size(),
        cpus = {} }
    for cpu in pairs(small) do found.cpus[cpu] = { small = small[cpu], huge = huge[cpu] } end
    return found
end

local function show(found, is_json)
    if is_json then return require "tiexec.show.json".write(io.stdout, found) end
    return require "tiexec.model.table".show(found, io.stderr, STANDARD_ERROR)
end

--- Runs `--record=tlb CMD`.
-- @tparam table argv
-- @tparam Settings given with `json`
-- @int skip million instructions that are not traced at the start
-- @treturn int exit status: 0; 125, 126 and 127 as base/exit.lua has them
function model.run(argv, given, skip)
    core.open_late(core)
    local list, program, status = slots.of(argv, given)
    if not list then
        message.say("--record=tlb: %s", program)
        return status
    end
    local found, why = make(program, list, skip)
    local ok = found
    if found then ok, why = show(found, given.json) end
    if ok then return 0 end
    message.say("--record=tlb: %s", why)
    return exit.FAILED
end

return model
